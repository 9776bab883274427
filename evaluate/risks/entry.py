"""One risk as an entry of results.json: its status, its number, and how to check it."""

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
    """`{id, status, value, limit, unit, measured, evidence, to_check}` and the keys of this risk.

    `measured` says that the value comes from outputs, losses or data of this run rather than from settings.
    `to_check` says how to check a risk that was not checked, as words that follow "to check it, " at the end of the
    evidence.
    """
    text = evidence if to_check is None else f"{evidence}; to check it, {to_check}"
    return {
        "id": name, "status": status, "value": value, "limit": limit, "unit": unit, "measured": measured,
        "evidence": text, "to_check": to_check, **more,
    }  # fmt: skip
