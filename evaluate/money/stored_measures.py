"""The measurements of a finished run, read from its folder to recompute the money without another evaluation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ...core import DataError
from ...curate import tested_files
from ..scores.quality import groups_by_id
from .inputs import MeasuredVariant, TrainingCost

__all__ = ["StoredMeasures", "read_measures"]

COLUMNS = {
    "id": pl.String,
    "variant": pl.String,
    "sample": pl.Int64,
    "input_tokens": pl.Float64,
    "cached_tokens": pl.Float64,
    "output_tokens": pl.Float64,
    "acceptable": pl.Float64,
}


@dataclass(frozen=True)
class StoredMeasures:
    """The two compared variants, the measurements of each variant, the groups of the items, and the training."""

    baseline: str
    candidate: str
    measured: Mapping[str, MeasuredVariant]
    groups: np.ndarray | None
    training: TrainingCost | None


def read_measures(run: Path) -> StoredMeasures:
    """The tokens, acceptance, speed and training from `evaluate/outputs.jsonl` and `results.json` of a run.

    Raises:
        DataError: the run does not compare two variants, or its files cannot be read.
    """
    results = _json(run / "results.json")
    comparison = results.get("comparison")
    if not comparison:
        raise DataError(f"{run} does not compare two variants, so there is no money to compute")
    outputs = _outputs(run / "evaluate" / "outputs.jsonl")
    names = [name for name in results["quality"] if name in set(outputs["variant"])]
    tables = {name: outputs.filter(pl.col("variant") == name) for name in names}
    means = {name: _item_means(table) for name, table in tables.items()}
    scored = np.logical_and.reduce([~np.isnan(table["acceptable"].to_numpy()) for table in means.values()])
    ids = next(iter(means.values()))["id"].filter(pl.Series(scored)).to_list()
    trained = results.get("training") or {}
    seconds = trained.get("seconds")
    return StoredMeasures(
        comparison["baseline"],
        comparison["candidate"],
        {name: _variant(name, tables, means, scored, results) for name in names},
        _groups(run, ids),
        TrainingCost(seconds / 3600, trained.get("tokens")) if seconds is not None else None,
    )


def _variant(
    name: str,
    tables: Mapping[str, pl.DataFrame],
    means: Mapping[str, pl.DataFrame],
    scored: np.ndarray,
    results: Mapping[str, Any],
) -> MeasuredVariant:
    """A variant's measurements; those of a cascade are its first variant's, and its second's where the first failed."""
    about = (results.get("variants") or {}).get(name) or {}
    run, of = _measured(name, tables[name], means[name], scored, results), tuple(about.get("of") or ())
    if about.get("way") != "cascade" or not set(of) <= set(tables):
        return replace(run, of=of, free=about.get("way") == "template")
    first, second = (_measured(each, tables[each], means[each], scored, results) for each in of)
    failed = tables[of[0]]["acceptable"] == 0
    sent = _numbers(
        _item_means(tables[of[0]].with_columns(sent=failed.fill_null(False).cast(pl.Float64)))["sent"], scored
    )
    fixed, calls = second.fixed_tokens or 0, _item_means(_where(tables[of[1]], failed))
    prompt, output = (_numbers(calls[key], scored) for key in ("input_tokens", "output_tokens"))
    called = replace(
        second, input_tokens=None if prompt is None else prompt - fixed * sent, output_tokens=output, acceptable=None
    )
    return replace(
        first, acceptable=run.acceptable, repeats=run.repeats, tuned=run.tuned, of=of, sent=sent, second=called
    )


def _where(table: pl.DataFrame, sent: pl.Series) -> pl.DataFrame:
    """The rows of calls, with no tokens where no call was made."""
    counted = [
        pl.when(pl.lit(sent)).then(pl.col(key)).otherwise(0.0).alias(key) for key in ("input_tokens", "output_tokens")
    ]
    return table.with_columns(counted)


def _measured(
    name: str, outputs: pl.DataFrame, means: pl.DataFrame, scored: np.ndarray, results: Mapping[str, Any]
) -> MeasuredVariant:
    about = (results.get("variants") or {}).get(name) or {}
    fixed = results["tokens"][name]["fixed"]
    prompt, cached, output = (
        _numbers(means[key], scored) for key in ("input_tokens", "cached_tokens", "output_tokens")
    )
    share = None if cached is None or not fixed else float(np.clip(np.nanmean(cached) / fixed, 0, 1))
    samples = len(outputs) // max(len(means), 1)
    repeats = None
    if samples > 1 and len(outputs) == samples * len(means):
        repeats = outputs["acceptable"].to_numpy().reshape(-1, samples)[scored]
    return MeasuredVariant(
        fixed_tokens=fixed,
        input_tokens=None if prompt is None else prompt - (fixed or 0),
        output_tokens=output,
        acceptable=means["acceptable"].to_numpy()[scored],
        cached_share=share,
        requests_per_second=((results.get("seconds") or {}).get(name) or {}).get("per_second"),
        repeats=repeats,
        guide_tokens=about.get("guide_tokens"),
        few_shot_tokens=_earlier(results, f"{name}.few_shot_tokens"),
        tuned=bool(about.get("tuned", about.get("source") == "adapter")),
        model=about.get("model"),
    )


def _earlier(results: Mapping[str, Any], key: str) -> float | None:
    """A measured number that only the run's money records."""
    lines = (results.get("money") or {}).get("assumptions") or []
    return next((line["value"] for line in lines if line["key"] == key and line["source"] == "measured"), None)


def _item_means(outputs: pl.DataFrame) -> pl.DataFrame:
    """A row per item, in order, with the means over its samples; NaN if one of its outputs is unscored."""
    known = [name for name in ("input_tokens", "cached_tokens", "output_tokens", "sent") if name in outputs.columns]
    tokens = [pl.col(name).mean() for name in known]
    acceptable = pl.when(pl.col("acceptable").is_null().any()).then(None).otherwise(pl.col("acceptable").mean())
    means = outputs.group_by("id", maintain_order=True).agg(*tokens, acceptable=acceptable.first())
    return means.with_columns(pl.col("acceptable").fill_null(float("nan")))


def _numbers(series: pl.Series, scored: np.ndarray) -> np.ndarray | None:
    return None if series.is_null().all() else series.fill_null(float("nan")).to_numpy()[scored]


def _groups(run: Path, ids: Sequence[str]) -> np.ndarray | None:
    """The group of each item, from the pairs that the run was evaluated on."""
    files = tested_files(run)
    rows = [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").split("\n") if line]
    asked = set(ids)
    known = groups_by_id(row for row in rows if row["id"] in asked)
    groups = np.array([known.get(id) for id in ids], dtype=object)
    return groups if any(group is not None for group in groups) else None


def _outputs(path: Path) -> pl.DataFrame:
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); run `tuneworth evaluate` to write it") from None
    return pl.DataFrame([{key: line.get(key) for key in COLUMNS} for line in lines], schema=COLUMNS, strict=False)


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); run `tuneworth evaluate` to write it") from None
