"""A log of live requests: how many outputs keep every rule of the style, and whether requests differ from the run's."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError, as_json
from ...curate import DataSettings, RawPairs, read_pairs
from ...evaluate import OUTPUT_SCHEMA, score_outputs
from ...project import Run
from ...style import read_fields
from .course import live_standing, live_windows
from .drift import drift_of
from .served import History

# --- reading --------------------------------------------------------------------------------------------------------

TIMES = ("timestamp", "time", "created_at", "created", "logged_at", "start_time", "datetime", "date", "ts")
MILLISECONDS = 1e11  # a larger number of seconds would be in the year 5138
FEWEST_DAYS = 7.0  # of a log that shows a volume; a shorter one may have only working days
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
    """The rows with the fields that their texts have, if the training requests have fields."""
    trained = run.train["fields"].drop_nulls()
    if not len(trained) or rows["fields"].count():
        return rows
    names = {name for text in trained for name in json.loads(text)}
    parsed = [None if text is None else read_fields(text, known=names) for text in rows["input"]]
    if sum(fields is not None for fields in parsed) < PARSED * max(rows["input"].count(), 1):
        return rows
    return rows.with_columns(fields=pl.Series([fields and json.dumps(fields) for fields in parsed], dtype=pl.String))


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


def volume_of(log: LiveLog, share: float) -> dict[str, Any] | None:
    """The requests a day of a log that holds this share of them; None without times, or for a log of less than a week."""
    first, last = log.rows["time"].min(), log.rows["time"].max()
    if not log.timed or not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    days = (last - first).total_seconds() / 86_400
    if days < FEWEST_DAYS:
        return None
    return {
        "requests_per_day": len(log.rows) / share / days,
        "from": str(first.date()),
        "to": str(last.date()),
        "requests": len(log.rows),
        "log_share": share,
    }


# --- watching -------------------------------------------------------------------------------------------------------

DAYS_BETWEEN = 6.5  # between two tests of the requests, so that 52 tests in a year share the 5% of false alarms


def watch_log(run: Run, history: History, log: LiveLog, path: Path, *, now: datetime, adds: bool) -> dict[str, Any]:
    """Score what is new in a log and test its requests; with `adds`, add both to the history.

    live: the share of outputs that follow every must rule, null if no share was recorded. rules: the share of new outputs
    that break each rule. drift: as `drift_of`; null if the requests were tested less than a week ago.
    """
    looks = [look for look in history.read() if look.get("log")]
    new, made = new_since(log, looks), now.isoformat(timespec="seconds")
    scored, rules = _scored(run, new)
    windows = [{**one, "made": one["made"] or made} for one in live_windows(scored)]
    drift = _drift(run, new, looks, now)
    if adds and len(new):
        history.add({"made": made, "log": _kept(path, log), "windows": windows, "drift": drift})
    counted = [window for look in looks for window in look["windows"]] + windows
    share = _recorded_share(run)
    return {
        "file": path.name,
        "shape": log.shape,
        "rows": len(log.rows),
        "new": len(new),
        "no_output": int((new["output"].str.strip_chars() == "").sum()),
        "unread": log.unread,
        "timed": log.timed,
        "live": None if share is None else live_standing(counted, share, margin=run.project.evaluate.margin),
        "rules": rules,
        "drift": drift,
        "models": sorted(new["model"].drop_nulls().unique().to_list()),
    }


def _kept(path: Path, log: LiveLog) -> dict[str, Any]:
    """What identifies these rows as counted in later looks."""
    last = log.rows["time"].max() if log.timed else None
    return {
        "file": path.name,
        "rows": len(log.rows),
        "digest": log.digest(len(log.rows)),
        "last": last.isoformat() if isinstance(last, datetime) else None,
    }


def _scored(run: Run, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, float]]:
    """`acceptable` and `time` of each row, and the share of outputs that break each must rule."""
    written = rows.filter(pl.col("output").str.strip_chars() != "")
    outputs = written.select(
        *(
            pl.col(name) if name in ("id", "output") else pl.lit(None, kind).alias(name)
            for name, kind in OUTPUT_SCHEMA.items()
        )
    )
    if not len(written):
        return rows.select(pl.lit(False).alias("acceptable"), "time"), {}
    scores = score_outputs(written, outputs, run.style)
    must = [check.id for check in run.style.checks if check.level == "must"]
    broken = {name: float((scores.status[name] == "fail").mean() or 0) for name in must}  # type: ignore[arg-type]
    found = written.select("row", "time").with_columns(scores.table["acceptable"])
    joined = rows.select("row", "time").join(found.select("row", "acceptable"), on="row", how="left")
    empty = ~pl.col("row").is_in(written["row"].to_list())
    table = joined.select(pl.when(empty).then(False).otherwise("acceptable").alias("acceptable"), "time")
    return table, dict(sorted(((name, share) for name, share in broken.items() if share), key=lambda one: -one[1]))


def _recorded_share(run: Run) -> dict[str, float] | None:
    """The acceptable share of the judged candidate with its range, for outputs as users get them."""
    results = run.results
    if results is None or not results.quality:
        return None
    name = next(iter(results.quality)) if results.comparison is None else results.comparison.candidate
    share = results.quality[name].acceptable
    return None if share.share is None or share.low is None else as_json(share)


def _drift(run: Run, new: pl.DataFrame, looks: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, Any] | None:
    """The test of the requests against those of the run, at most once a week.

    It uses all splits, since splits that keep families together differ from one another.
    """
    tested = [
        datetime.fromisoformat(look["made"]) for look in looks if look["drift"] and look["drift"]["reason"] is None
    ]
    if tested and (now - max(tested)).total_seconds() < DAYS_BETWEEN * 86_400:
        return None
    requests = new.filter(pl.col("input").is_not_null())
    return drift_of(pl.concat([run.train, run.validation, run.test]), requests, seed=run.seed)
