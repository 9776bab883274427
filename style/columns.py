"""The columns that checks look at: outputs, inputs, and the values of input fields."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from .fields import field_text

__all__ = ["Columns", "field_names"]

# {name} in a text stands for the value of that input field.
_SLOT = re.compile(r"\{([^{}]+)\}")
_PARSED_AT_ONCE = 2_000


def field_names(text: str) -> list[str]:
    """The fields named as `{field}` in a text."""
    return _SLOT.findall(text)


@dataclass(frozen=True)
class Columns:
    """A table of outputs with their inputs, as checks see it. `fields_json` holds JSON objects or null.

    `count_tokens` gives the tokens of each text by the tokenizer in use; None where there is none.
    """

    output: pl.Series
    input: pl.Series
    fields_json: pl.Series
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None

    @cached_property
    def fields(self) -> list[Mapping[str, Any]]:
        """The parsed fields of each row; an empty mapping where the input is plain text."""
        rows: list[Mapping[str, Any]] = []
        for part in self.fields_json.replace("", None).fill_null("{}").to_frame().iter_slices(_PARSED_AT_ONCE):
            # Many objects in one text take half the time of one by one.
            rows += json.loads(f"[{','.join(part.to_series())}]")
        return rows

    @cached_property
    def _texts(self) -> dict[str, pl.Series]:
        """The fields that were asked for: several checks ask for the same."""
        return {}

    def field(self, name: str) -> pl.Series:
        """The values of one field as text; null where it is absent or empty."""
        if name not in self._texts:
            values = [field_text(row.get(name)) or None for row in self.fields]
            self._texts[name] = pl.Series(name, values, dtype=pl.String)
        return self._texts[name]

    def field_items(self, name: str) -> pl.DataFrame:
        """The values of one field, each item of a list by itself: `index`, `item` (no empty ones)."""
        indexes: list[int] = []
        items: list[str] = []
        for index, row in enumerate(self.fields):
            value = row.get(name)
            for item in value if isinstance(value, list) else (value,):
                if text := field_text(item):
                    indexes.append(index)
                    items.append(text)
        return pl.DataFrame({"index": indexes, "item": items}, schema={"index": pl.UInt32, "item": pl.String})

    def filled(self, text: str) -> pl.Series:
        """`text` with each `{field}` replaced by its value; null where one of them is absent or empty."""
        names = field_names(text)
        if not names:
            return pl.Series("text", [text], dtype=pl.String).new_from_index(0, len(self.output))
        values = [self.field(name) for name in names]
        pieces = _SLOT.split(text)[::2]  # the constant parts around the slots
        expressions: list[pl.Expr] = [pl.lit(pieces[0])]
        for value, piece in zip(values, pieces[1:], strict=True):
            expressions += [pl.lit(value), pl.lit(piece)]
        return pl.DataFrame({"n": range(len(self.output))}).select(text=pl.concat_str(expressions))["text"]

    def applies(self, when: Mapping[str, tuple[str, ...] | None] | None) -> pl.Series:
        """Where a check's condition holds: each field present and, where values are named, one of them."""
        mask = pl.Series("applies", [True], dtype=pl.Boolean).new_from_index(0, len(self.output))
        for name, wanted in (when or {}).items():
            value = self.field(name)
            mask &= value.is_not_null() if wanted is None else value.is_in(list(wanted)).fill_null(False)
        return mask
