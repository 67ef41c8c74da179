"""Amounts, written for people."""


def size(count: float) -> str:
    """Write a number of bytes, in powers of 1000."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def seconds(milliseconds: float) -> str:
    """Write a duration given in milliseconds."""
    return f"{milliseconds / 1000:.1f} s"


def counted(number: int, noun: str) -> str:
    """Write a number of things: 1 layer, 2 layers."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
