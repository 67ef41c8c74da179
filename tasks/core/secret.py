"""A value that must not be seen: it has no way into a message, a log or an argument list."""

from __future__ import annotations


class Secret:
    """Hold a value and show `***` instead; `reveal` is its one exit.

    Not a `str`: formatting, joining or logging one by accident shows the mask or fails. `reveal` is called only in
    tasks/core/releases.py, for the text of app.env.json, a 0600 file, and for the digests that tell whether a value
    has changed; and in tasks/core/secret_forms.py, for what is looked for in images.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        """Take the value over."""
        self.__value = value

    def reveal(self) -> str:
        """Give the value itself."""
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
        return isinstance(other, Secret) and other.reveal() == self.__value

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(("Secret", self.__value))
