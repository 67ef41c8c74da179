"""A value that must not be seen: it has no way into a message, a log or an argument list."""

from __future__ import annotations

from collections.abc import Callable


class Secret:
    """Hold a value and show `***` instead; `reveal` is its one exit.

    Not a `str`: formatting, joining or logging one by accident shows the mask or fails. `reveal` is called only in
    tasks/core/application_values.py, for app.env.json and app.files.tar, 0600 files, and for the digests that tell
    whether a value has changed; in tasks/core/secret_forms.py, for what is looked for in images; and where its size is
    checked.

    What a function gives is asked for when it is needed: by the first `reveal`.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str | Callable[[], str]) -> None:
        """Take the value over, or what will give it."""
        self.__value = value

    def reveal(self) -> str:
        """Give the value itself; raises what its function raises."""
        if not isinstance(self.__value, str):
            self.__value = self.__value()
        return self.__value

    def __repr__(self) -> str:
        """Show the mask."""
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Show the mask, whatever the format."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Compare by value, for tests and plans."""
        return isinstance(other, Secret) and other.reveal() == self.reveal()

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(("Secret", self.reveal()))
