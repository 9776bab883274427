"""What a check-up finds: findings with their rows, examples and remedy."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import polars as pl

from ...core import notebook_page, say
from ..check.personal import mask_text

__all__ = ["SEVERITIES", "Checkup", "Example", "Finding", "Severity", "excerpt"]

Severity = Literal["high", "medium", "low"]
SEVERITIES: dict[Severity, str] = {"high": "Fix first", "medium": "Look at", "low": "Good to know"}
_AROUND = 45  # characters shown before and after what was found


@dataclass(frozen=True)
class Example:
    """A row that shows a finding: `found` is what was found in it, `text` the passage around it."""

    row: int
    id: str
    found: str | None
    text: str


@dataclass(frozen=True)
class Finding:
    """One finding about the pairs.

    rows, share: how many rows it concerns, and their share of the pairs (0 to 1). `option` is what to add to
    `tuneworth curate`, `setting` the same for tuneworth.toml or style.yaml; None if nothing has to be typed. `values` has
    more figures, by name.
    """

    key: str
    severity: Severity
    title: str
    rows: int
    share: float
    advice: str
    option: str | None = None
    setting: str | None = None
    examples: tuple[Example, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Checkup:
    """A check-up of pairs.

    shape: the recognised format, in one line. inputs: the columns of the input, if it is made of columns.
    proposed: the columns that were chosen because none was stated or recognised
    (`input`, `output`), else empty. rows_read: records; pairs: those that are pairs. distinct_inputs, distinct_outputs:
    compared without case and spacing. lengths: `input` and `output` -> `characters` and `words` -> `median`, `p95`,
    `longest`. findings: the most important first. clean: what was looked for and not found.
    """

    shape: str
    inputs: tuple[str, ...]
    rows_read: int
    pairs: int
    distinct_inputs: int
    distinct_outputs: int
    lengths: Mapping[str, Mapping[str, Mapping[str, int]]]
    findings: tuple[Finding, ...]
    clean: tuple[str, ...]
    proposed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> tuple[str, ...]:
        """The options of all findings but those of low severity, the most important first."""
        return tuple(dict.fromkeys(f.option for f in self.findings if f.option and f.severity != "low"))

    def finding(self, key: str) -> Finding | None:
        """The finding with this key, if there is one."""
        return next((finding for finding in self.findings if finding.key == key), None)

    def to_json(self) -> dict[str, Any]:
        """Everything as values that JSON can hold."""
        return asdict(self) | {"options": list(self.options)}

    @property
    def headline(self) -> str:
        """How many findings of each severity there are, in a sentence."""
        counts = {title: sum(f.severity == name for f in self.findings) for name, title in SEVERITIES.items()}
        found = ", ".join(f"{n} {title.lower()}" for title, n in counts.items() if n) or "nothing found"
        return f"{say.count(self.rows_read, 'row')} read, {say.count(self.pairs, 'pair')}: {found}"

    def __repr__(self) -> str:
        return "\n".join([self.headline, *(f"- {finding.title}" for finding in self.findings)])

    def _repr_html_(self) -> str:
        return self.html()

    def html(self, *, notes: Sequence[str] = ()) -> str:
        """The findings as a table for a notebook, then `notes`."""
        found = [(SEVERITIES[f.severity], f.title, f.advice, f.option or "") for f in self.findings]
        table = (
            pl.DataFrame(found, schema=["severity", "finding", "what to do", "option"], orient="row") if found else None
        )
        return notebook_page(self.headline, table=table, rows=len(found), notes=notes)


def excerpt(text: str, start: int, end: int) -> str:
    """The passage around a place in a text, on one line and without personal data."""
    begin, stop = max(0, start - _AROUND), min(len(text), end + _AROUND)
    begin = text.find(" ", begin, start) + 1 if begin else 0
    stop = stop if stop == len(text) else max(text.rfind(" ", end, stop), end)
    shown = " ".join(mask_text(text[begin:stop]).split())
    return f"{'…' if begin else ''}{shown}{'…' if stop < len(text) else ''}"
