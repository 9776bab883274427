"""The gates section: the conditions given to the command, and their results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say
from ...evaluate.results import Gate
from ..page import Section


@dataclass(frozen=True)
class GateRow:
    """One condition as written, the value found, whether it holds, the tone of its mark."""

    text: str
    value: str
    state: str
    tone: str


def section(gates: Sequence[Gate]) -> Section | None:
    """The section of a run with gates."""
    rows = gate_rows(gates)
    return Section("gates", "Gates", _lead(rows), "gates", {"gates": rows}) if rows else None


def _lead(rows: Sequence[GateRow]) -> str:
    failed = sum(row.tone == "fix" for row in rows)
    if len(rows) == 1:
        return f"The condition set for this run {'does not hold' if failed else 'holds'}."
    if failed in (0, len(rows)):
        return f"All {len(rows)} conditions set for this run {'fail' if failed else 'hold'}."
    return f"{failed} of the {len(rows)} conditions set for this run {'does' if failed == 1 else 'do'} not hold."


def gate_rows(gates: Sequence[Gate]) -> list[GateRow]:
    """A row for each gate, failed ones first."""
    rows = [
        GateRow(
            gate.gate, gate_value(gate.value), "holds" if gate.holds else "does not hold", "go" if gate.holds else "fix"
        )
        for gate in gates
    ]
    return sorted(rows, key=lambda row: row.tone != "fix")


def gate_value(value: Any) -> str:
    """The value found, in the notation of the condition: 0.6667, not 67%."""
    if value is None:
        return "no value"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}".replace("-", say.minus)
    return str(value)
