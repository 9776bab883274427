"""The `[data]` and `[curate]` tables of tuneworth.toml, with their ranges checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from ..core import Fix, Limits, misfits


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Where the pairs are and which columns hold what; anything not stated is detected from the data."""

    path: str
    """The file of pairs, a folder or glob of such files, or a saved `datasets` folder, relative to the project."""
    input: str | tuple[str, ...] | None = None
    """The input's column; several columns become fields, and `"*"` stands for all columns but the output. Default:
    detected."""
    output: str | None = None
    """The output's column. Default: detected."""
    id: str | None = None
    """The column with a unique id. Default: a column named `id`, else a hash of the pair."""
    group: str | None = None
    """The column whose equal values belong to one family, which is never divided between train and test."""
    identifiers: tuple[str, ...] = ()
    """Fields that name the item and say nothing about it, such as a part number."""
    split: str | None = None
    """A column that already says train, validation or test; it is kept, and leaks across it are reported."""
    date: str | None = None
    """A column with dates: the newest pairs become the test set."""
    encoding: str = "utf-8"
    """The encoding of text files."""
    delimiter: str | None = None
    """The delimiter of CSV files. Default: detected, and said."""
    sheet: str | None = None
    """The sheet of an Excel workbook. Default: the first."""
    leave_out_constant: bool = False
    """Whether columns that never vary are left out of an input of several columns."""
    turns: Literal["last", "all"] = "last"
    """Of a conversation: its last answer is the output, or each answer is one, with the turns before it as input."""
    tool_calls: Literal["quarantine", "output"] | None = None
    """Whether conversations with tool calls wait for a person, or the calls are outputs, as JSON. Default: outputs if
    the style has a check of kind `json`."""
    limits: Limits = field(default_factory=Limits)
    """How much one file may hold."""

    def __post_init__(self) -> None:
        if isinstance(self.limits, Mapping):  # as Python callers and `--limit` state them
            object.__setattr__(self, "limits", Limits.stated(self.limits))
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
    """Share to train on."""
    validation: float = 0.0
    """Share that stops training early and that prompts are searched on."""
    test: float = 0.0
    """Share that the variants are compared on."""

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
    """Thresholds for duplicates, the handling of conflicts, and how the rest is split."""

    near_duplicate: float = 0.8
    """The similarity from which inputs count as the same: Jaccard of character 5-grams, from 0.5 to 1."""
    keep: Literal["best style", "first", "longest"] = "best style"
    """Which row of a set of duplicates stays."""
    conflicts: Literal["quarantine", "report", "keep best"] = "quarantine"
    """Rows with the same input and different answers: wait for a person, are only reported, or the best by the style
    stays."""
    tie_siblings: bool | Literal["auto"] = "auto"
    """Whether pairs that differ in their facts alone stay on one side of the split; `"auto"` ties as many as the data
    allows."""
    tie_outputs: bool | Literal["auto"] = "auto"
    """Whether pairs with the same output stay on one side; `"auto"` ties outputs of more than five words."""
    method: Literal["auto", "exact", "candidates"] = "auto"
    """How similar pairs are found: exactly, or among MinHash candidates that are then verified exactly; `"auto"` is
    exact as long as it pays."""
    split: SplitShares = field(default_factory=lambda: SplitShares(train=0.7, validation=0.1, test=0.2))
    """The share of each split."""
    stratify: str | None = None
    """A field whose values are spread evenly over the splits."""
    mask: bool = False
    """Whether personal data is replaced by placeholders."""
    fix: Fix = "off"
    """Which repairs make train and validation outputs acceptable; test outputs are never changed."""
    meaning: bool | str = False
    """Whether held-out requests are compared with training requests by meaning: `true` for the embeddings of wordllama,
    or the folder of a local sentence-transformers model."""
    tie_meaning: bool | float = False
    """Whether requests of the same meaning stay on one side: `true` for a calibrated threshold, or a cosine from 0.5 to
    1."""

    mispaired: bool = True
    """Whether rows whose output fits the request of another row better are looked for; they are kept and listed."""

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
