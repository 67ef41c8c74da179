"""Where our reading of a settings file differs from Docker Compose's or python-dotenv's: each way of writing, once.

A test (tests/properties/test_compose_agrees.py) has all three read the examples, and thousands of files, and finds no
difference that is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Answer(Enum):
    """What a reader makes of a line that it gives no value for."""

    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True)
class Dialect:
    """One way of writing: its name, an example that sets A (in a file that sets X to 1 before), and what A is then."""

    name: str
    example: str
    ours: str | Answer
    compose: str | Answer
    dotenv: str | Answer


DIALECTS = (
    Dialect("a variable without quotes, or in double quotes", "A=$X-${X}", "$X-${X}", "1-1", "$X-1"),
    Dialect("a variable in single quotes", "A='$X-${X}'", "$X-${X}", "$X-${X}", "$X-1"),
    Dialect("two dollars, not in single quotes", "A=a$$b", "a$$b", "a$b", "a$$b"),
    Dialect(r"`\$` in double quotes", r'A="a\$b"', r"a\$b", "a$b", r"a\$b"),
    Dialect(r"`\\` in single quotes", r"A='a\\b'", "a\\b", r"a\\b", "a\\b"),
    Dialect(r"`\'` in double quotes", r'''A="a\'b"''', "a'b", r"a\'b", "a'b"),
    Dialect(r"`\0` and digits in double quotes", r'A="a\0101"', r"a\0101", "aA", r"a\0101"),
    Dialect("a tab before `#`, without quotes", "A=a\t# b", "a", "a\t# b", "a"),
    Dialect("white space alone before `#`", "A= # b", "", "# b", ""),
    Dialect("text behind the closing quote", "A='a'b", Answer.REFUSED, "a", Answer.DROPPED),
    Dialect("a quote that is not closed", "A='a", Answer.REFUSED, Answer.REFUSED, Answer.DROPPED),
    Dialect("a name that stands twice", "A=1\nA=2", Answer.REFUSED, "2", "2"),
    Dialect("a name without `=`", "A", Answer.REFUSED, Answer.DROPPED, Answer.DROPPED),
    Dialect("a colon for `=`", "A: a", Answer.REFUSED, "a", Answer.DROPPED),
    Dialect("a carriage return alone", "A=a\rb", Answer.REFUSED, "a\rb", "a"),
    Dialect("CRLF within quotes", "A='a\r\nb'", "a\nb", "a\r\nb", "a\r\nb"),
)
"""Every way of writing in which not all three agree."""
