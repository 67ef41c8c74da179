"""How a task ends that did not succeed: the message on stderr, one JSON object on stdout when asked, the exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from invoke.exceptions import Exit

from tasks.core.errors import DeployError
from tasks.core.protocols import Outcome


def ending(error: DeployError, *, as_json: bool, not_touched: Sequence[str] = ()) -> Exit:
    """Report an error, and give the exception that ends `fab` with its exit code."""
    if as_json:
        print_json({
            "error": error.what, "detail": error.detail, "next": error.remedy, "exit_code": error.exit_code,
            **({"now": error.now} if error.now else {}), **({"failure": error.failure} if error.failure else {}),
            **({"not_touched": list(not_touched)} if not_touched else {}),
        })  # fmt: skip
    message = f"error: {error}"
    if not_touched:
        message += f"\n  not touched: {', '.join(not_touched)}"
    return Exit(message, error.exit_code)


def outcome_json(outcome: Outcome) -> dict[str, object]:
    """Give what --json prints of a step that came to its end; of one that found something wrong, as of an error."""
    data = dict(outcome.data or {})
    if not outcome.exit_code:
        return data
    return {"error": outcome.summary, "detail": "", "next": outcome.remedy, "exit_code": outcome.exit_code} | data


def print_json(data: Mapping[str, object]) -> None:
    """Print one JSON object on stdout."""
    print(json.dumps(data, indent=2, default=str))
