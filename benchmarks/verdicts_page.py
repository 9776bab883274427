"""The page that verdicts.py writes: how often the verdict is wrong, in a few tables."""

import math
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from worlds import MARGIN, TARGET

__all__ = ["FINE_TUNE", "FREE_KINDS", "KEEP", "OPEN", "Tally", "page"]

FINE_TUNE, KEEP, OPEN = "fine-tune", "keep prompting", "cannot tell yet"


@dataclass(frozen=True)
class Tally:
    """Counts of decisions for one set of worlds: of all, of those where training surely pays, of those where it does not.

    Where it depends on a rival that is worse by less than the margin, neither decision is an error. `near` counts wrong
    verdicts close to the target; `kinds` is the wrong verdicts by rule.
    """

    label: str
    all: Counter[str]
    pays: Counter[str]
    useless: Counter[str]
    near: int
    rules: Counter[int]
    wrong_rules: Counter[tuple[str, int]]

    @property
    def useless_training(self) -> float:
        """The share of `fine-tune` among the worlds where that is wrong."""
        return _share(self.useless[FINE_TUNE], self.useless.total())

    @property
    def missed(self) -> float:
        """The share of `keep prompting` among the worlds where training pays."""
        return _share(self.pays[KEEP], self.pays.total())

    def given(self, decision: str) -> float:
        """The share of this decision among all worlds."""
        return _share(self.all[decision], self.all.total())

    def wrong(self, decision: str) -> float:
        """The share of wrong verdicts among those with this decision."""
        false = self.useless[FINE_TUNE] if decision == FINE_TUNE else self.pays[KEEP]
        return _share(false, self.all[decision])

    @property
    def wrong_verdicts(self) -> int:
        """The number of wrong verdicts."""
        return self.useless[FINE_TUNE] + self.pays[KEEP]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


HEAD = (
    "| cases | fine-tune, of worlds where it does not pay | keep prompting, of worlds where it pays | "
    "cannot tell yet | given fine-tune, and wrong | given keep prompting, and wrong |\n|---:|---:|---:|---:|---:|---:|"
)
KINDS_HEAD = (
    "| worlds | fine-tune, where it does not pay | keep prompting, where it pays | cannot tell yet | fix first | "
    "point figures: fine-tune, where it does not pay | point figures: keep prompting, where it pays |\n"
    "|---|---:|---:|---:|---:|---:|---:|"
)
OF_KINDS = {
    "one rival": "the prompted model alone",
    "several rivals": "the prompted model, its retry, nearest examples and a larger model; the strongest is rarely the first",
    "a free template": "a template that costs nothing, in half of the worlds as good as the tuned way within 2 points",
    "a cascade": "a small model, and its outputs that break a rule to the prompted one",
    "worse facts": "the tuned way better in form by 15 to 49 points, in half of the worlds 5 to 20 points worse in facts",
    "investment not stated": "the team does not say what training costs, so every *fine-tune* is wrong",
    "points worse, cheaper": "up to 3 points worse and much cheaper, on 1,000 to 4,000 cases; the team does not say what a "
    "failure costs, and the truth draws it from the prior",
    "groups": "all cases from so many groups of 5, 10 or 30; in half of the worlds several rivals, and in half of them each way "
    "fails in groups of its own",
}  # fmt: skip
AIM, AIM_OF_A_KIND = 0.05, 0.08
INTRODUCTION = """{worlds} worlds per number of cases, in equal parts with {kinds}. In {pays} of them fine-tuning pays: at
the true values its outputs are acceptable, and right about facts, in at most {margin} points fewer cases than those of any
rival, and against every rival as good as that the investment pays back within {target} days and saves more than it costs.
Where that depends on a rival that is worse by less than the margin, neither answer is counted as wrong. Aim: both kinds of
error at most {aim}, and at most {aim_of_a_kind} in each kind of world. Of the {wrong} wrong verdicts, {close} are close
calls: the true payback is within a factor of 1.5 of the target."""
NOTES = """- *Close calls*: only worlds whose true payback is within a factor of two of the target, or whose tuned model is up
  to 6 points worse. A verdict given at a chance of 80% must sometimes be wrong, and most of all here.
- *Groups ignored*: worlds with groups of 5 and more, evaluated as if each item were independent; the table above has the
  same worlds evaluated with their groups.
- *Point figures*: fine-tune if the tuned model is within the margin of the strongest rival on the test set and the median
  payback is in time.
- *Left out*: an invalid comparison, measured risks, and alternatives whose outputs were not measured. If no cost of a
  failure is stated, the truth counts it as nothing, except where the kind of world says otherwise. Stated prices are
  true."""
FREE_KINDS = ("one rival", "several rivals", "a free template", "a cascade", "worse facts")


def row(tally: Tally) -> str:
    """One line of the table."""
    both = [f"{_percent(tally.given(d))}, {_percent(tally.wrong(d))}" for d in (FINE_TUNE, KEEP)]
    wrong = _percent(tally.useless_training), _percent(tally.missed)
    return f"| {tally.label} | {' | '.join([*wrong, _percent(tally.given(OPEN)), *both])} |"


def kind_row(kind: str, own: Tally, point: Tally) -> str:
    """One line of the table of kinds."""
    shares = (own.useless_training, own.missed, own.given(OPEN), own.given("fix first"))
    shares = *shares, point.useless_training, point.missed
    return f"| {kind} | {' | '.join(_percent(share) for share in shares)} |"


def together(tallies: Iterable[Tally]) -> Tally:
    """The counts of several tallies in one."""
    counts = [(t.all, t.pays, t.useless, t.rules, t.wrong_rules) for t in tallies]
    added = [sum(parts, Counter()) for parts in zip(*counts, strict=True)]
    return Tally("", *added[:3], 0, *added[3:])


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}%"


def page(
    worlds: int,
    of_kind: int,
    seconds: float,
    parts: Mapping[str, Sequence[Tally]],
    kinds: Mapping[str, tuple[Tally, Tally]],
    pays: float,
) -> str:
    """The result as Markdown."""
    machine = f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
    tables = [f"## {title}\n\n{HEAD}\n" + "\n".join(row(t) for t in tallies) for title, tallies in parts.items()]
    wrong, close = (sum(getattr(t, key) for t in parts["Verdicts"]) for key in ("wrong_verdicts", "near"))
    return "\n\n".join([
        "# The verdict where the truth is known",
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {seconds:.0f} s of one core. Written by `benchmarks/verdicts.py`; "
        "`benchmarks/worlds.py` explains how a world is drawn, and why.",
        INTRODUCTION.format(
            worlds=f"{worlds:,}", kinds=f"{', '.join(FREE_KINDS[:-1])} and {FREE_KINDS[-1]}", pays=_percent(pays),
            margin=f"{100 * MARGIN:.0f}", target=TARGET, aim=_percent(AIM), aim_of_a_kind=_percent(AIM_OF_A_KIND),
            wrong=wrong, close=close,
        ),
        tables[0],
        _why_open(parts["Verdicts"]),
        _kinds_table(of_kind, kinds),
        *tables[1:],
        NOTES,
    ]) + "\n"  # fmt: skip


def _kinds_table(worlds: int, kinds: Mapping[str, tuple[Tally, Tally]]) -> str:
    """Both errors by kind of world, and the rules that gave the wrong verdicts where an error is above the aim."""
    lines = [kind_row(kind, own, point) for kind, (own, point) in kinds.items()]
    whole = [together(pair[side] for pair in kinds.values()) for side in (0, 1)]
    lines.append(kind_row("**all**", *whole))
    over = [
        f"- {kind}: {decision} by rule {rule} in {count} of {worlds // 2} worlds"
        for kind, (own, _) in kinds.items()
        if max(own.useless_training, own.missed) > AIM_OF_A_KIND
        for (decision, rule), count in own.wrong_rules.most_common()
    ]
    missed = "\n\nAbove the aim:\n\n" + "\n".join(over) if over else ""
    about = "\n".join(f"- *{kind}*: {what}." for kind, what in OF_KINDS.items())
    return (
        f"## By kind of world\n\n{worlds} worlds of each kind: half where fine-tuning pays, half where it does not. A share of "
        f"{worlds // 2} is known to about {_percent(math.sqrt(AIM * (1 - AIM) / (worlds // 2)))}.\n\n{KINDS_HEAD}\n"
        + "\n".join(lines)
        + f"{missed}\n\n{about}"
    )


def _why_open(tallies: Sequence[Tally]) -> str:
    """The reasons for `cannot tell yet` with the most cases."""
    last = tallies[-1]
    why = {
        3: "there are too few cases for these shares",
        6: "a failure has no stated cost",
        9: "the chance is in between",
    }
    text = ", ".join(f"{words} in {_percent(last.rules[rule] / last.rules.total())}" for rule, words in why.items())
    return f"With {last.label} cases the verdict is *cannot tell yet* because {text} of the worlds."
