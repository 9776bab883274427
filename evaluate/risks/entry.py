"""One risk: its status, its number, and how to check it."""

from typing import Any

from ..results import Risk, RiskStatus


def risk_entry(
    name: str,
    status: RiskStatus = "not checked",
    value: float | None = None,
    limit: float | None = None,
    *,
    evidence: str,
    unit: str | None = None,
    measured: bool = False,
    to_check: str | None = None,
    **more: Any,
) -> Risk:
    """A risk, with the fields of this kind of risk as `more`.

    `measured` says that the value comes from outputs, losses or data of this run rather than from settings.
    `to_check` says how to check a risk that was not checked, as words that follow "to check it, " at the end of the
    evidence.
    """
    text = evidence if to_check is None else f"{evidence}; to check it, {to_check}"
    return Risk(
        id=name, status=status, value=value, limit=limit, unit=unit, measured=measured, evidence=text, to_check=to_check,
        **more,
    )  # fmt: skip
