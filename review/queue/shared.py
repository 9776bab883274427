"""Items like one another: what rows share by rule, group, field or repair, so that one decision may do for all."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from ...style import field_text
from .items import Item, Like
from .texts import Pair, Texts

_LONGEST = 80  # characters of a value that rows are told apart by; longer ones are texts
_FIELD = "field:"


class Shared:
    """The group and the short field values of the rows that items are about; none before `read`."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._values = pl.DataFrame(schema={"file": pl.String, "row": pl.UInt32})

    def read(self, rows: Mapping[str, Iterable[int]]) -> None:
        """Read the values of these rows, by file; takes seconds for many."""
        values: dict[str, dict[tuple[str, int], str]] = {}
        keys: list[tuple[str, int]] = []
        for file, wanted in rows.items():
            for pair in self._texts.scan(file, wanted):
                keys.append((file, pair["row"]))
                for name, value in _values(pair).items():
                    values.setdefault(name, {})[keys[-1]] = value
        columns = {name: [of.get(key) for key in keys] for name, of in values.items()}
        table = pl.DataFrame(keys, schema={"file": pl.String, "row": pl.UInt32}, orient="row")
        self._values = table.with_columns(pl.Series(name, column, pl.String) for name, column in columns.items())

    def likes(self, item: Item, entry: Mapping[str, Any], waiting: pl.DataFrame) -> list[Like]:
        """What the item shares with other entries that wait, and how many there are with it."""
        side = item.sides[0]
        values = _values({"group": side.group, "fields": side.fields, "meta": side.meta})
        asked = {"rule": _rule_of(entry), "repair": entry["repair"], **values}
        found = []
        for by, value in asked.items():
            if value is not None and (count := len(self.sharing(waiting, by, value))) > 1:
                found.append(Like(by, value, _label(by, value), count))
        return found

    def sharing(self, waiting: pl.DataFrame, by: str, value: str) -> pl.DataFrame:
        """The entries that share a value."""
        if by == "rule":
            return waiting.filter(pl.col("rule") == value)
        if by == "repair":
            return waiting.filter(pl.col("repair") == value)
        if by not in self._values.columns:
            return waiting.clear()
        same = self._values.filter(pl.col(by) == value).select("file", "row")
        return waiting.join(same, on=["file", "row"], how="semi", maintain_order="left")


def _rule_of(entry: Mapping[str, Any]) -> str | None:
    """The rule of the style or of quality that the row broke, or those by which it is repaired."""
    rule = entry["rule"]
    return rule if rule and (":" in rule or entry["repair"]) else None


def _values(pair: Pair) -> dict[str, str]:
    """The group and the short values of columns and fields, by the name under which they are asked for."""
    named = {**(pair["meta"] or {}), **(pair["fields"] or {})}
    found = {
        f"{_FIELD}{name}": text
        for name, value in named.items()
        if not isinstance(value, list | dict) and 0 < len(text := field_text(value)) <= _LONGEST
    }
    return found if pair["group"] is None else {"group": str(pair["group"])} | found


def _label(by: str, value: str) -> str:
    if by == "rule":
        named = " and ".join(rule.partition(":")[2] or rule for rule in value.split(", "))
        return f"break {named}" if ":" in value else f"are repaired by {named}"
    if by == "repair":
        return value.removeprefix("Repaired: ").removesuffix(".")
    return f"of the group {value}" if by == "group" else f"{by.removeprefix(_FIELD)}: {value}"
