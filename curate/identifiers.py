"""Fields that may name the item and say nothing about it: the same in no two requests, one short text each."""

import json

import polars as pl

__all__ = ["LOOKED_AT", "identifier_like"]

LOOKED_AT = 2000  # rows; what differs from row to row does so in the first of them
_FEW = 20  # of fewer rows any field may differ by chance
_APART = 0.95  # distinct values per row
_LONGEST = 60  # characters; longer texts say something


def identifier_like(pairs: pl.DataFrame) -> list[str]:
    """The input fields of a pair table that may be identifiers, in the order of the first row's fields.

    Empty where the inputs are plain texts, where there are too few rows, or where all fields differ like that.
    """
    fields = [json.loads(text) for text in pairs["fields"].head(LOOKED_AT).drop_nulls()]
    if len(fields) < _FEW:
        return []
    names = [n for n, v in fields[0].items() if isinstance(v, str) and all(isinstance(f.get(n), str) for f in fields)]
    apart = [
        n
        for n in names
        if len({f[n] for f in fields}) > _APART * len(fields) and all(len(f[n]) <= _LONGEST for f in fields)
    ]
    return apart if len(apart) < len(fields[0]) else []
