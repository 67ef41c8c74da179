"""The tasks of `fab`; `fab --list` shows them."""

from tasks import FROM_SOURCES, STEPS
from tasks.binding import namespace

ns = namespace(STEPS, from_sources=FROM_SOURCES)
