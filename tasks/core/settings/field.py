"""One setting of the schema: a typed field with its rule, its default, what it is for and an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Group(BaseModel):
    """Hold some settings that belong together; frozen, and without names of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def setting(about: str, *, default: str | Callable[[dict[str, Any]], str], example: str = "") -> Any:
    """Describe one setting; its default is text and goes through its rule like any other value."""
    extra: dict[str, Any] = {"example": example}
    if callable(default):
        return Field(default_factory=default, validate_default=True, description=about, json_schema_extra=extra)
    return Field(default=default, validate_default=True, description=about, json_schema_extra=extra)
