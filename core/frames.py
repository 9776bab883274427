"""Tables as pandas DataFrames."""

from importlib.util import find_spec
from typing import Any

from .errors import ModelError

__all__ = ["to_pandas"]


def to_pandas(table: Any) -> Any:
    """A polars table as a pandas DataFrame of its own memory: missing values as None or NaN, lists as lists.

    Needs pandas alone; the method of polars needs pyarrow as well.

    Raises: ModelError if pandas is not installed.
    """
    if find_spec("pandas") is None:
        raise ModelError("tables of pandas need the package pandas\nInstall it: pip install pandas")
    import pandas

    columns = {
        # numpy keeps the type of numbers, and has NaN where one is missing
        series.name: series.to_numpy() if series.dtype.is_float() or series.dtype.is_integer() else series.to_list()
        for series in table.get_columns()
    }
    return pandas.DataFrame(columns, columns=table.columns)
