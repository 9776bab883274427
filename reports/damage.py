"""A file of a run that lacks what a page needs, or holds something else in its place, is an error that says so."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jinja2
import polars as pl

from ..core import DataError

__all__ = ["damage_is_named"]

# What reading plain data of an unexpected shape raises.
_SHAPE = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, jinja2.UndefinedError,
    pl.exceptions.PolarsError,
)  # fmt: skip


@contextmanager
def damage_is_named(file: Path, *, by: str) -> Iterator[None]:
    """Whatever the data's shape breaks within becomes an error about the file, which the command `by` wrote.

    Raises:
        DataError: naming what was missed, and the place in Tuneworth that needed it.
    """
    try:
        yield
    except _SHAPE as error:
        missed = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        missed = " ".join(missed.split())[:200]  # it may hold a whole text of the file
        frames = traceback.extract_tb(error.__traceback__)
        needed = [frame for frame in frames if Path(frame.filename).is_relative_to(Path(__file__).parent)][-1]
        raise DataError(
            f"{file}: a part of it is missing or not as expected: {missed} ({Path(needed.filename).name}, line "
            f"{needed.lineno}).\nRun `tuneworth {by}` again; where this version wrote the file, that is a fault of "
            "Tuneworth."
        ) from error
