"""Tables as pandas DataFrames."""

from importlib.util import find_spec
from typing import Any

from .errors import ModelError

__all__ = ["to_pandas"]


def to_pandas(table: Any) -> Any:
    """A copy of a polars table as a pandas DataFrame: missing values as None or NaN, lists as lists.

    Unlike polars' own method, it does not need pyarrow.

    Raises: ModelError if pandas is not installed.
    """
    if find_spec("pandas") is None:
        raise ModelError("pandas is not installed\nInstall it: pip install pandas")
    import pandas

    columns = {
        # numpy keeps the numeric type, with NaN for missing values
        series.name: series.to_numpy() if series.dtype.is_float() or series.dtype.is_integer() else series.to_list()
        for series in table.get_columns()
    }
    return pandas.DataFrame(columns, columns=table.columns)
