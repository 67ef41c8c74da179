"""The exception tree: as its docstring draws it, each class with its exit code, each message whole."""

import inspect
import re

import pytest

from tasks.core import errors
from tasks.core.errors import DeployError

CLASSES = {name: each for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, DeployError)}
DRAWN = re.findall(r"^([│ ]*)(?:[├└]── )?([A-Z]\w+)  +(\d+)", errors.__doc__ or "", re.MULTILINE)


def test_every_class_is_drawn_and_nothing_else() -> None:
    assert {name for _, name, _ in DRAWN} == set(CLASSES)


@pytest.mark.parametrize(("name", "code"), [(name, int(code)) for _, name, code in DRAWN])
def test_exit_code_is_the_one_drawn(name: str, code: int) -> None:
    assert CLASSES[name].exit_code == code
    assert CLASSES[name]("what").exit_code == code


@pytest.mark.parametrize(("indent", "name", "_code"), DRAWN)
def test_base_class_is_the_one_drawn(indent: str, name: str, _code: str) -> None:
    base = CLASSES[name].__mro__[1]
    if name == "DeployError":
        assert base is Exception
    else:
        assert base.__name__ == ("UsageError" if indent else "DeployError")


@pytest.mark.parametrize("kind", CLASSES.values())
def test_a_message_says_what_and_what_came_back_and_what_next(kind: type[DeployError]) -> None:
    error = kind("loading failed on web1", detail="line one\nline two\n", remedy="fab -H web1 doctor")
    assert str(error) == "loading failed on web1\n    line one\n    line two\n  next: fab -H web1 doctor"
    assert (error.what, error.remedy) == ("loading failed on web1", "fab -H web1 doctor")


def test_a_message_without_detail_and_remedy_is_one_line() -> None:
    assert str(DeployError("it failed")) == "it failed"
