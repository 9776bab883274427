"""One risk as it stands in results.json: how it stands, on what number, and what would check it."""

from typing import Any, Literal

__all__ = ["Status", "risk_entry"]

Status = Literal["ok", "warn", "over", "not checked"]


def risk_entry(
    name: str,
    status: Status = "not checked",
    value: float | None = None,
    limit: float | None = None,
    *,
    evidence: str,
    unit: str | None = None,
    measured: bool = False,
    to_check: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """`{id, status, value, limit, unit, measured, evidence, to_check}` and whatever else this risk tells.

    `measured` says that the value comes from outputs, losses or data of this run rather than from what was stated.
    `to_check` says what to do to check a risk that was not, as words that follow "to check it, "; people read both at
    the end of the evidence.
    """
    text = evidence if to_check is None else f"{evidence}; to check it, {to_check}"
    return {
        "id": name, "status": status, "value": value, "limit": limit, "unit": unit, "measured": measured,
        "evidence": text, "to_check": to_check, **more,
    }  # fmt: skip
