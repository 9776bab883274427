"""The `[data]` and `[curate]` tables of tuneworth.toml, with their ranges checked."""

from dataclasses import dataclass, field, fields
from typing import Literal

from ..core import Fix, misfits

__all__ = ["CurateSettings", "DataSettings", "SplitShares"]


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Where the pairs are and which columns hold what; anything not stated is detected from the data.

    `input` may be "*": all columns but the output. `sheet` names that of a workbook, else it is the first one. With
    `leave_out_constant`, columns that never vary are no part of an input of several columns. `turns`: of a conversation,
    the last answer is an example, or each one with the turns before it. `tool_calls`: a conversation with tool calls waits
    for a person, or the calls are answers, as JSON; None is the latter if the style has a rule of kind json.
    """

    path: str
    input: str | tuple[str, ...] | None = None
    output: str | None = None
    id: str | None = None
    group: str | None = None
    identifiers: tuple[str, ...] = ()
    split: str | None = None
    date: str | None = None
    encoding: str = "utf-8"
    delimiter: str | None = None
    sheet: str | None = None
    leave_out_constant: bool = False
    turns: Literal["last", "all"] = "last"
    tool_calls: Literal["quarantine", "output"] | None = None

    def __post_init__(self) -> None:
        if problems := misfits(self):
            raise ValueError("; ".join(problems))
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise ValueError(f'delimiter must be one character, found "{self.delimiter}"')
        if self.input == ():
            raise ValueError("input is an empty list; name at least one column")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f'unknown encoding "{self.encoding}"; examples: utf-8, cp1252, latin-1') from None


@dataclass(frozen=True, kw_only=True)
class SplitShares:
    """The share of the kept pairs for each split; the shares add up to 1, and an omitted split gets nothing."""

    train: float = 0.0
    validation: float = 0.0
    test: float = 0.0

    def __post_init__(self) -> None:
        shares = {f.name: getattr(self, f.name) for f in fields(self)}
        negative = [name for name, share in shares.items() if share < 0]
        if negative:
            raise ValueError(f"{negative[0]} must not be negative, found {shares[negative[0]]}")
        if abs(sum(shares.values()) - 1) > 1e-6:
            raise ValueError(f"train, validation and test must add up to 1, found {sum(shares.values()):g}")
        if self.train == 0:
            raise ValueError("train must be above 0")


@dataclass(frozen=True, kw_only=True)
class CurateSettings:
    """Thresholds for duplicates, the handling of conflicts, and how the rest is split.

    With `fix`, outputs that break a must rule are repaired for train and validation where that makes them acceptable.
    With `meaning`, held-out requests that say the same as a training example in other words are listed: `True` for the
    embeddings of wordllama, or the folder of a local sentence-transformers model. `tie_meaning` keeps such rows on one
    side: from the calibrated threshold, or from the given cosine.
    """

    near_duplicate: float = 0.8
    keep: Literal["best style", "first", "longest"] = "best style"
    conflicts: Literal["quarantine", "report", "keep best"] = "quarantine"
    tie_siblings: bool | Literal["auto"] = "auto"
    tie_outputs: bool | Literal["auto"] = "auto"
    method: Literal["auto", "exact", "candidates"] = "auto"
    split: SplitShares = field(default_factory=lambda: SplitShares(train=0.7, validation=0.1, test=0.2))
    stratify: str | None = None
    mask: bool = False
    fix: Fix = "off"
    meaning: bool | str = False
    tie_meaning: bool | float = False

    def __post_init__(self) -> None:
        if problems := misfits(self):
            raise ValueError("; ".join(problems))
        if not 0.5 <= self.near_duplicate <= 1:
            raise ValueError(f"near_duplicate must be from 0.5 to 1, found {self.near_duplicate:g}")
        if self.tie_meaning and not self.meaning:
            raise ValueError("tie_meaning needs meaning = true")
        if self.meaning == "":
            raise ValueError("meaning is empty; state true, or the folder of a model")
        if self.tie_meaning not in (True, False) and not 0.5 <= self.tie_meaning <= 1:
            raise ValueError(f"tie_meaning must be true, or a cosine from 0.5 to 1, found {self.tie_meaning:g}")
