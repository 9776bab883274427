"""Tables as pandas, with nothing but pandas installed."""

import datetime
import sys
from decimal import Decimal

import pandas as pd
import polars as pl
import pytest

from tuneworth.core import ModelError, to_pandas

TABLE = pl.DataFrame(
    {
        "id": ["a", None],
        "row": pl.Series([1, 2], dtype=pl.UInt32),
        "tokens": [3, None],
        "share": [0.5, None],
        "good": [True, None],
        "day": [datetime.date(2026, 1, 2), None],
        "price": [Decimal("0.10"), None],
        "found": [[{"check": "x"}], None],
        "nothing": [None, None],
    }
)


def test_values_equal_those_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # the method of polars would need it
    frame = to_pandas(TABLE)
    assert list(frame.columns) == TABLE.columns
    for name in TABLE.columns:
        given = [None if not isinstance(value, list) and pd.isna(value) else value for value in frame[name]]
        assert given == TABLE[name].to_list(), name
    assert frame["row"].dtype == "uint32"
    assert frame["tokens"].dtype == "float64"
    assert len(to_pandas(TABLE.clear())) == 0


def test_without_pandas_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModelError, match="pip install pandas"):
        to_pandas(TABLE)
