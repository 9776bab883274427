"""The page that coverage.py writes: the results in a few tables."""

import datetime
import math
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from outcomes import sizes_of

__all__ = ["page"]

Row = dict[str, Any]
LOWEST, HIGHEST = 0.93, 0.97  # the aim, as HEAD says it
NAMED = 12  # cells listed where the aim is missed
FEW = 20  # groups, below which the bootstrap is not run
QUESTIONS = {
    "share": "one share",
    "difference": "difference of two variants",
    "share of repeats": "one share, means over 5 repeats",
    "difference of repeats": "difference, means over 5 repeats",
    "one by groups": "difference, one variant fails in whole groups, the other in single items",
}
HEAD = """# Coverage: how often the intervals contain the true value

{day}, Python {python}, numpy {numpy}, scipy {scipy}. `python benchmarks/coverage.py --sets {sets}`: {cells} cells of
{many} simulated data sets each, {minutes} minutes of one core. Cell by cell: [coverage.csv](data/coverage.csv).

A cell is one scenario: shares from 0.5 to 0.99; 20 to 500 items, single or in groups (of 2, 5, 10 or 30; of 1 to 30 as
in a catalogue; one of 30 with single items); items of a group correlated from 0 to 0.5; two variants on the same items
correlated by 0 or 0.8. One share is beta-binomial; two variants share the difficulty of groups and items.

**Aim:** a 95% interval contains the true value in 93 to 97% of the sets; at equal shares at most 5% have p < 0.05. The
simulation's own standard error is {error} of coverage and {alarm_error} of alarms in a cell, so the
lowest coverage and the most alarms of many cells look slightly worse than they are.

- **ours**: Wilson's interval on n / design effect with Student's t; for a difference Newcombe's (method 10), from each
  variant's limits on its own n / design effect and the correlation of the groups' sums. The intra-group correlation in the
  design effect comes from the analysis of variance, shrunk towards a cautious value if there are few groups or failures.
- **one design effect**: for a difference, the same with one design effect for both variants, that of the differences. It is
  narrower, and fails where the variants fail in different groups; so the other is used for any number of groups.
- **groups ignored**: the same intervals on n, as if the items were independent.
- **bootstrap**: percentiles over resampled groups, widened for few groups; only with at least {few} groups, on the first
  1,000 sets.

*Width* is the mean width as a multiple of 2 × 1.96 standard deviations of the estimate, which is the ideal interval
(median of the cells). It is under 1 if the estimate varies more than an interval within 0 and 1 can.
"""
ALARMS = """## False alarms of the paired test

Exact McNemar test; over groups, or with means over repeats, the exact sign-flip test. Where both variants have the same
difficulties, the rate is at most 5% by construction. It is higher if one variant fails in whole groups and the other in
single items: such a variant looks too good as long as none of its bad groups is in the test set, which a handful of
groups cannot show (a verdict needs ten). With 50 groups or more the effect is gone. The last two columns show how often
test and interval disagree, over all cells (0 is outside although p ≥ 0.05; p < 0.05 although 0 is inside).

| question | groups | cells | false alarms, mean | most in a cell | only the interval | only the test |
|---|---|---:|---:|---:|---:|---:|"""
ENDS = """## The one-sided 95% ends

"Not worse than" uses the lower end. The table shows how often the true difference is not below the lower end, and not
above the upper end.

| question | cells | lower end: lowest | mean | under 93% | upper end: lowest | mean |
|---|---:|---:|---:|---:|---:|---:|"""
MISSED = """{question}: {low} of {cells} cells have less than 93%, {high} more than 97%: {reasons}. The lowest:

| layout | items | groups | true shares | correlation in a group | coverage | width | why |
|---|---:|---:|---|---:|---:|---:|---|"""
FIGURES = ("cells", "lowest", "mean", "under 93%", "93 to 97%", "over 97%", "width")


def page(rows: Sequence[Row], *, sets: int, tested: int, seconds: float) -> str:
    """The Markdown text."""
    rows = [row | {"groups": len(sizes_of(row["layout"], row["n"]))} for row in rows]
    ours = _by_method(rows, "ours")
    share, pair = _of(ours, "share"), _of(ours, "difference")
    head = HEAD.format(
        day=datetime.date.today().isoformat(),
        python=platform.python_version(),
        numpy=version("numpy"),
        scipy=version("scipy"),
        sets=sets,
        many=f"{sets:,}",
        cells=f"{len(ours):,}",
        minutes=math.ceil(seconds / 60),
        error=_percent(math.sqrt(0.95 * 0.05 / sets)),
        alarm_error=_percent(math.sqrt(0.95 * 0.05 / tested)),
        few=FEW,
    )
    parts = [
        head,
        *_overview(rows),
        *_by("number of groups", _bucket, share, pair),
        *_by("correlation in a group", lambda row: f"{row['rho']:g}", share, pair),
        *_by("true share (of the baseline)", lambda row: f"{row['baseline']:g}", share, pair),
        *_one_sided(ours),
        *_alarms(ours),
        "## Where the aim is missed\n",
        *_missed("share", share),
        *_missed("difference", pair),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _overview(rows: Sequence[Row]) -> list[str]:
    lines = ["## Overview", "", *_table_head("question", "interval")]
    for question, words in QUESTIONS.items():
        of = _of(rows, question)
        many = [row for row in of if FEW <= row["groups"] < row["n"]]
        ways = {
            "ours": _by_method(of, "ours"),
            "one design effect": _by_method(of, "one design effect"),
            "groups ignored": _by_method(of, "groups ignored"),
            f"ours, at least {FEW} groups": _by_method(many, "ours"),
            f"bootstrap, at least {FEW} groups": _by_method(many, "bootstrap"),
        }
        lines += [f"| {words} | {name} | {_figures(chosen)} |" for name, chosen in ways.items() if chosen]
    return [*lines, ""]


def _by(what: str, key: Callable[[Row], str], share: Sequence[Row], pair: Sequence[Row]) -> list[str]:
    lines = [f"## By {what}", "", *_table_head("question", what)]
    for question, rows in (("share", share), ("difference", pair)):
        for value in sorted({key(row) for row in rows}, key=_number):
            lines.append(f"| {QUESTIONS[question]} | {value} | {_figures([r for r in rows if key(r) == value])} |")
    return [*lines, ""]


def _one_sided(ours: Sequence[Row]) -> list[str]:
    lines = [ENDS]
    for question in ("difference", "difference of repeats", "one by groups"):
        low, high = (np.array([row[f"{end}_one_sided"] for row in _of(ours, question)]) for end in ("low", "high"))
        cells = [_percent(x) for x in (low.min(), low.mean(), np.mean(low < LOWEST), high.min(), high.mean())]
        lines.append(f"| {QUESTIONS[question]} | {len(low)} | {' | '.join(cells)} |")
    return [*lines, ""]


def _alarms(ours: Sequence[Row]) -> list[str]:
    """False alarms of the test at equal shares, and where test and interval disagree."""
    lines = [ALARMS]
    for question in ("difference", "difference of repeats", "one by groups"):
        of = _of(ours, question)
        for bucket in sorted({_bucket(row) for row in of}, key=_number):
            chosen = [row for row in of if _bucket(row) == bucket]
            equal = np.array([row["p_small"] for row in chosen if row["baseline"] == row["candidate"]])
            apart = [np.mean([row[key] for row in chosen]) for key in ("only_interval", "only_p")]
            cells = [_percent(float(x)) for x in (equal.mean(), equal.max(), *apart)]
            lines.append(f"| {QUESTIONS[question]} | {bucket} | {len(equal)} | {' | '.join(cells)} |")
    return [*lines, ""]


def _missed(question: str, rows: Sequence[Row]) -> list[str]:
    low = sorted((row for row in rows if row["coverage"] < LOWEST), key=lambda row: row["coverage"])
    high = [_why_wide(row) for row in rows if row["coverage"] > HIGHEST]
    reasons = "; ".join(f"{name} ({high.count(name)})" for name in (LUMPY, CAUTIOUS, OTHERS) if name in high)
    head = MISSED.format(
        question=QUESTIONS[question].capitalize(), low=len(low), cells=len(rows), high=len(high), reasons=reasons
    )
    return [head, *(_cell(row) for row in low[:NAMED]), ""]


def _cell(row: Row) -> str:
    shares = f"{row['baseline']:g}" if row["question"] == "share" else f"{row['baseline']:g} and {row['candidate']:g}"
    return (
        f"| {row['layout']} | {row['n']} | {row['groups']} | {shares} | {row['rho']:g} | {_percent(row['coverage'])} "
        f"| {row['width_of_ideal']:.2f} | {_why_low(row)} |"
    )


LUMPY = "fewer than five expected failures, so that few counts are possible"
CAUTIOUS = "items of a group less correlated than assumed by default"
OTHERS = "others"


def _why_wide(row: Row) -> str:
    if (1 - max(row["baseline"], row["candidate"])) * row["n"] < 5:
        return LUMPY
    return CAUTIOUS if row["groups"] < row["n"] and (row["rho"] < 0.3 or row["correlation"] > 0) else OTHERS


def _why_low(row: Row) -> str:
    sizes = sizes_of(row["layout"], row["n"])
    if sizes.max() > 5 * np.median(sizes):
        return f"unequal groups, one has {100 * sizes.max() / row['n']:.0f}% of the items"
    if (1 - row["baseline"]) * row["n"] < 10:
        return "few failures: coverage jumps from count to count"
    return f"{len(sizes)} groups" if len(sizes) < FEW else "failures come in whole groups"


def _table_head(*names: str) -> list[str]:
    return [f"| {' | '.join((*names, *FIGURES))} |", "|" + "---|" * len(names) + "---:|" * len(FIGURES)]


def _figures(rows: Sequence[Row]) -> str:
    coverage = np.array([row["coverage"] for row in rows])
    width = float(np.median([row["width_of_ideal"] for row in rows if row["width_of_ideal"] is not None]))
    under, over = float(np.mean(coverage < LOWEST)), float(np.mean(coverage > HIGHEST))
    shares = [_percent(float(x)) for x in (coverage.min(), coverage.mean(), under, 1 - under - over, over)]
    return " | ".join([str(len(coverage)), *shares, f"{width:.2f}"])


def _bucket(row: Row) -> str:
    if row["groups"] == row["n"]:
        return "single items"
    edges = (2, 5, 10, 20, 50)
    low = max(edge for edge in edges if edge <= row["groups"])
    high = next((edge - 1 for edge in edges if edge > row["groups"]), None)
    return f"{low} to {high}" if high else f"{low} or more"


def _number(text: str) -> float:
    first = text.split()[0]
    return float(first) if first[0].isdigit() else math.inf


def _by_method(rows: Sequence[Row], method: str) -> list[Row]:
    return [row for row in rows if row["method"] == method]


def _of(rows: Sequence[Row], question: str) -> list[Row]:
    return [row for row in rows if row["question"] == question]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
