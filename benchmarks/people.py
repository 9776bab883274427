"""Measures how far a style agrees with people, on the rated outputs of the E2E NLG challenge.

Run: python benchmarks/people.py FOLDER; it writes benchmarks/people.md. FOLDER is a checkout of the public repository
tuetschek/e2e-eval, in which workers rated each output as "ok", "missing" (information) or "added". The style is
benchmarks/people_e2e.yaml. It was written with the rated outputs of every second request at hand (development half); the
other requests are the test half. Of the workers only counts of ratings are read.
"""

import argparse
import datetime
import json
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from tuneworth.style import check_outputs, read_style

STYLE = Path(__file__).with_name("people_e2e.yaml")
FEWEST_RATERS = 3
HALVES = {"all requests": None, "development half": 0, "test half": 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    rated = scored(read_ratings(options.folder))
    text = "\n".join([*_head(rated), *_agreement(rated), "", *_classes(rated), "", *_systems(rated)]) + "\n"
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def read_ratings(folder: Path) -> pl.DataFrame:
    """One row per rated output: request, system, output, fields, and the number of ratings of each class."""
    table = pl.read_csv(folder / "human_ratings" / "quality.csv", infer_schema=False)
    columns = [
        table.select("mr", mr_id=pl.col("mr_id").cast(pl.Int64), system=f"sys{n}", output=f"ref{n}", rating=f"check{n}")
        for n in range(1, 6)
    ]
    ratings = pl.concat(columns).drop_nulls(["system", "output", "rating"])
    count = {name: pl.col("rating").str.contains(name).sum() for name in ("missing", "added")}
    rated = ratings.group_by("mr_id", "mr", "system", "output", maintain_order=True).agg(
        raters=pl.len(), fails=(pl.col("rating") != "ok").sum(), **count
    )
    fields = [json.dumps(dict(re.findall(r"(\w[\w ]*)\[([^\]]*)\]", mr)), ensure_ascii=False) for mr in rated["mr"]]
    return rated.with_columns(fields=pl.Series(fields)).filter(pl.col("raters") >= FEWEST_RATERS)


def scored(rated: pl.DataFrame) -> pl.DataFrame:
    """The rated outputs with `majority` (fails; null: as many ratings for as against) and `style` (fails)."""
    table = rated.select("output", "fields", input="mr")
    failed = ~check_outputs(table, read_style(STYLE)).shares()["acceptable"]
    half = 2 * pl.col("fails").cast(pl.Int64) - pl.col("raters").cast(pl.Int64)
    return rated.with_columns(style=failed, majority=pl.when(half != 0).then(half > 0))


def kappa(one: np.ndarray, other: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Cohen's kappa of two series of decisions (Cohen 1960)."""
    agreed = np.average(one == other, weights=weights)
    p, q = np.average(one, weights=weights), np.average(other, weights=weights)
    chance = p * q + (1 - p) * (1 - q)
    return float((agreed - chance) / (1 - chance))


def rater_against_others(rated: pl.DataFrame) -> tuple[float, float, int]:
    """Agreement and kappa of each rater with the majority of the other raters of the same output; ties are left out.

    Raters with the same decision on an output are counted together, so only the numbers of ratings are needed.
    """
    fails, raters = rated["fails"].cast(pl.Int64).to_numpy(), rated["raters"].cast(pl.Int64).to_numpy()
    own, others, weights = [], [], []
    for decision, count in ((True, fails), (False, raters - fails)):
        against = 2 * (fails - decision) - (raters - 1)
        kept = (against != 0) & (count > 0)
        own.append(np.full(kept.sum(), decision))
        others.append(against[kept] > 0)
        weights.append(count[kept])
    one, other, weight = np.concatenate(own), np.concatenate(others), np.concatenate(weights)
    return float(np.average(one == other, weights=weight)), kappa(one, other, weight), int(weight.sum())


def _head(rated: pl.DataFrame) -> list[str]:
    return [
        "# Agreement of a style with people",
        "",
        f"{datetime.date.today():%Y-%m-%d}, polars {version('polars')}. `python benchmarks/people.py FOLDER`: the {len(rated):,}"
        f" outputs of the E2E NLG challenge (tuetschek/e2e-eval) with at least {FEWEST_RATERS} ratings, "
        f"{rated['system'].n_unique()} systems, {rated['mr'].n_unique()} requests. An output fails for people if most of its "
        "ratings are not *ok*, and for the style `people_e2e.yaml` if it breaks a rule; outputs on which people are evenly "
        "divided are left out. The style was written with the rated outputs of every second request at hand (development "
        "half); of the test half, only the figures below were seen.",
        "",
    ]


def _agreement(rated: pl.DataFrame) -> list[str]:
    lines = ["| requests | compared | decisions | agreement | kappa |", "|---|---|---:|---:|---:|"]
    for name, half in HALVES.items():
        part = rated if half is None else rated.filter(pl.col("mr_id") % 2 == half)
        decided = part.drop_nulls("majority")
        unanimous = decided.filter((pl.col("fails") == 0) | (pl.col("fails") == pl.col("raters")))
        for what, table in (("style, majority", decided), ("style, unanimous outputs", unanimous)):
            one, other = table["style"].to_numpy(), table["majority"].to_numpy()
            lines.append(_line(name, what, len(table), float(np.mean(one == other)), kappa(one, other)))
        share, agreement, count = rater_against_others(part)
        lines.append(_line(name, "one rater, majority of the others", count, share, agreement))
    return lines


def _line(name: str, what: str, count: int, share: float, agreement: float) -> str:
    return f"| {name} | {what} | {count:,} | {share:.1%} | {agreement:.2f} |"


def _classes(rated: pl.DataFrame) -> list[str]:
    lines = ['| requests | precision of "fails" | recall of "fails" |', "|---|---:|---:|"]
    for name, half in HALVES.items():
        part = (rated if half is None else rated.filter(pl.col("mr_id") % 2 == half)).drop_nulls("majority")
        both = part.filter(pl.col("style") & pl.col("majority"))
        precision, recall = len(both) / part["style"].sum(), len(both) / part["majority"].sum()
        lines.append(f"| {name} | {precision:.1%} ({len(both):,}/{part['style'].sum():,}) | {recall:.1%} |")
    return lines


def _systems(rated: pl.DataFrame) -> list[str]:
    """The systems by their share of acceptable outputs."""
    table = rated.drop_nulls("majority").group_by("system").agg(
        n=pl.len(), style=1 - pl.col("style").mean(), people=1 - pl.col("majority").mean()
    ).sort("people", descending=True)  # fmt: skip
    rho = spearmanr(table["style"], table["people"]).statistic
    lines = [f"Spearman's correlation over {len(table)} systems: {rho:.2f}.", ""]
    lines += ["| system | outputs | acceptable: people | acceptable: style |", "|---|---:|---:|---:|"]
    return lines + [f"| {name} | {n} | {people:.1%} | {style:.1%} |" for name, n, style, people in table.iter_rows()]


if __name__ == "__main__":
    main()
