"""Reads a log of live requests: pairs, read as for training, with their time and model."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError
from ...curate import DataSettings, RawPairs, read_pairs
from ...project import Run

__all__ = ["LiveLog", "new_since", "read_log"]

TIMES = ("timestamp", "time", "created_at", "created", "logged_at", "start_time", "datetime", "date", "ts")
MILLISECONDS = 1e11  # a larger number of seconds would be in the year 5138
PARSED = 0.9  # the share of requests that must consist of `name: value` lines with known fields to be read as fields
_SCHEMA = {"row": pl.Int64, "id": pl.String, "input": pl.String, "fields": pl.String, "output": pl.String,
           "time": pl.Datetime("us"), "model": pl.String}  # fmt: skip


@dataclass(frozen=True)
class LiveLog:
    """A log of live requests.

    rows: `row, id, input, fields, output` (empty if the model gave none), `time` (UTC, null if unknown) and `model`, in the
    order of the log. unread: the number of records that are not requests. shape: the recognised format.
    """

    rows: pl.DataFrame
    unread: int
    shape: str

    @property
    def timed(self) -> bool:
        """Whether every row has a time."""
        return len(self.rows) > 0 and not self.rows["time"].null_count()

    def digest(self, count: int) -> str:
        """The fingerprint of the first `count` rows."""
        texts = self.rows.head(count).select("input", "output").rows()
        return hashlib.sha256(json.dumps(texts).encode(errors="replace")).hexdigest()[:16]


def read_log(path: Path, run: Run, limits: Mapping[str, str | int] | None = None) -> LiveLog:
    """The requests of a log with their outputs, read by the project's [data], or else as recognised.

    A request without an output is a row with an empty one. `limits` replace those of [data.limits].

    Raises: DataError if the log cannot be read either way.
    """
    raw = _read(path, run, limits)
    empty = raw.rejected.filter(pl.col("rule") == "empty_output").select(pl.col("row").cast(pl.Int64))
    context = [_time_and_model(text) for text in raw.pairs["meta"]]
    rows = raw.pairs.select(pl.col("row").cast(pl.Int64), "id", "input", "fields", "output").with_columns(
        time=pl.Series([time for time, _ in context], dtype=pl.Datetime("us")),
        model=pl.Series([model for _, model in context], dtype=pl.String),
    )  # fmt: skip
    unanswered = empty.with_columns(id=pl.format("row {}", "row"), output=pl.lit(""))
    # A request without an output was rejected without its other columns; the time of the one before it is close enough.
    rows = pl.concat([rows, unanswered], how="diagonal").sort("row")
    rows = rows.with_columns(pl.col("time").forward_fill().backward_fill())
    rows = rows.select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())
    return LiveLog(_with_fields(rows, run), len(raw.rejected) - len(empty), raw.shape)


def _read(path: Path, run: Run, limits: Mapping[str, str | int] | None) -> RawPairs:
    of_project = run.project.reading
    within = of_project.limits.but(limits)
    try:
        return read_pairs(path, replace(of_project, path=str(path), split=None, group=None, id=None, limits=within))
    except DataError:  # a log rarely has the columns of the training file
        return read_pairs(path, DataSettings(path=str(path), limits=within))


def _time_and_model(meta: str | None) -> tuple[datetime | None, str | None]:
    """The time and the model that a record of the log names."""
    content = json.loads(meta) if meta else {}
    if not isinstance(content, Mapping):
        return None, None
    known = {str(name).casefold(): value for name, value in content.items()}
    times = (_moment(known[name]) for name in TIMES if name in known)
    model = known.get("model")
    return next((time for time in times if time), None), model if isinstance(model, str) else None


def _moment(value: Any) -> datetime | None:
    """A naive time in UTC, from ISO 8601 (UTC if it has no zone), or seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            parsed = datetime.fromisoformat(value.strip())
            return (parsed.astimezone(UTC) if parsed.tzinfo else parsed).replace(tzinfo=None)
        number = float(value)
        return datetime.fromtimestamp(number / 1000 if number > MILLISECONDS else number, UTC).replace(tzinfo=None)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _with_fields(rows: pl.DataFrame, run: Run) -> pl.DataFrame:
    """The rows with fields parsed from lines of `name: value`, if the training requests have fields."""
    trained = run.train["fields"].drop_nulls()
    if not len(trained) or rows["fields"].count():
        return rows
    names = {name for text in trained for name in json.loads(text)}
    parsed = [None if text is None else _fields_in(text, names) for text in rows["input"]]
    if sum(fields is not None for fields in parsed) < PARSED * max(rows["input"].count(), 1):
        return rows
    return rows.with_columns(fields=pl.Series([fields and json.dumps(fields) for fields in parsed], dtype=pl.String))


def _fields_in(text: str, names: set[str]) -> dict[str, str] | None:
    """The fields of a text, if every line has the form `name: value` with a known name."""
    parts = [line.partition(": ") for line in text.splitlines() if line.strip()]
    known = {name: value for name, colon, value in parts if colon and name in names}
    return known if parts and len(known) == len(parts) else None


def new_since(log: LiveLog, looks: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows that no earlier look counted: later than the newest counted time, or after the rows already counted."""
    counted = [look["log"] for look in looks if look.get("log")]
    if not counted:
        return log.rows
    if log.timed and all(one["last"] for one in counted):
        newest = max(datetime.fromisoformat(one["last"]) for one in counted)
        return log.rows.filter(pl.col("time") > newest)
    known = max((one["rows"] for one in counted if one["digest"] == log.digest(one["rows"])), default=0)
    return log.rows.slice(known)
