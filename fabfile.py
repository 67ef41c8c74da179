"""The tasks of `fab`; `fab --list` shows them."""

from tasks import STEPS
from tasks.binding import namespace

ns = namespace(STEPS)
