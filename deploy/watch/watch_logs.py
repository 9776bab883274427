"""Watches a log of live requests: how many outputs follow every rule, and whether requests differ from the run's."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from ...evaluate import OUTPUT_SCHEMA, score_outputs
from ...project import Run
from .drift import drift_of
from .history import History
from .live import live_standing, live_windows
from .live_logs import LiveLog, new_since

__all__ = ["watch_log"]

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
    results: Mapping[str, Any] = run.results
    name = (results.get("comparison") or {}).get("candidate") or next(iter(results.get("quality") or {}), None)
    share = ((results.get("quality") or {}).get(name) or {}).get("acceptable") or {}
    return None if share.get("share") is None or share.get("low") is None else dict(share)


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
