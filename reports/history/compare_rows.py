"""What moved between compared runs, as rows: rules, parts of the requests, and the cost."""

from collections.abc import Callable
from dataclasses import dataclass

from ...core import Numbers, decimals_beside
from ...evaluate import Direction, MovedRule, MovedSlice, RunComparison, SliceName, Split
from ..sections.money.costs import cost_figure
from ..words import capital

LITTLE = 0.01  # a cost below this is shown for 1,000 requests
FACTORS = {"tokens": "Tokens", "prices": "Prices", "failures": "Failures", "volume": "Volume"}
MACHINES = "Cost per output, including machines"


@dataclass(frozen=True)
class Moved:
    """A rule or a slice: both shares, the change, and whether it is statistically significant.

    `better` and `worse` are the requests that changed; `about` is small text below the name.
    """

    key: str
    name: str
    about: str
    before: float | None
    after: float | None
    change: str
    span: str
    sure: str
    tone: str
    n: int
    decimals: int = 0  # of the shares and their difference


def rule_rows(step: RunComparison, say: Numbers) -> list[Moved]:
    """The rules by the size of their change; the shares are of outputs that break the rule."""
    rows = [_rule(key, row, say) for key, row in step.rules.items()]
    return sorted(rows, key=lambda row: (row.sure != "significant", -abs((row.after or 0) - (row.before or 0))))


def _rule(key: str, row: MovedRule, say: Numbers) -> Moved:
    whole = row.about == "answer"
    sentence = capital(key) if whole else row.sentence or key
    more, less = row.newly_broken, row.newly_kept
    detail = f"{say.count(more)} newly broken, {say.count(less)} newly kept" if more or less else ""
    kinds = "instead of an answer" if whole else " · ".join(filter(None, (key, row.level, row.about)))
    decimals = decimals_beside(row.broken_before, row.broken_after)
    change = None if row.difference.value is None else -row.difference.value
    return Moved(
        key, sentence, "; ".join(filter(None, (kinds, detail))), row.broken_before, row.broken_after,
        say.signed_points(change, decimals), "", _sure(row.moved, change), _tone(row.moved), row.n, decimals,
    )  # fmt: skip


def _sure(moved: Direction | None, change: float | None) -> str:
    if not change:
        return ""
    return "significant" if moved else "could be chance"


def _tone(moved: Direction | None) -> str:
    return {"better": "go", "worse": "fix"}.get(moved or "", "")


def rules_lead(step: RunComparison, say: Numbers) -> str:
    """How many rules are broken significantly more or less often."""
    moved = [row.moved for row in step.rules.values()]
    parts = [f"{say.count(moved.count(kind), 'rule')} significantly {words}" for kind, words in
             (("worse", "more often"), ("better", "less often")) if kind in moved]  # fmt: skip
    if not parts:
        return "No single rule is broken significantly more or less often than before."
    return f"{step.after} breaks {' and '.join(parts)} than {step.before}."


def slice_rows(step: RunComparison, say: Numbers) -> list[Moved]:
    """The slices, those that moved first; the shares are of acceptable outputs."""
    return [_slice(row, say) for row in step.slices]


def _slice(row: MovedSlice, say: Numbers) -> Moved:
    also = ", ".join(_slice_name("field" if other.field else row.kind, other) for other in row.also)
    gap, decimals = row.difference, decimals_beside(row.before, row.after)
    about = " · ".join(filter(None, (say.count(row.n, "request"), f"the same requests: {also}" if also else "")))
    return Moved(
        "", _slice_name(row.kind, row), about, row.before, row.after, say.signed_points(gap.value, decimals),
        say.points_range(gap.low, gap.high), _sure(row.moved, gap.value), _tone(row.moved), row.n, decimals,
    )  # fmt: skip


def _slice_name(kind: str, row: SliceName) -> str:
    if kind == "length":
        return {"short": "Short requests", "middle": "Requests of middle length", "long": "Long requests"}[
            str(row.value)
        ]
    if kind == "group":
        return f"Group {row.value}"
    return f"{row.field}: {row.value}" if row.value is not None else f"Without {row.field}"


def slices_lead(step: RunComparison, say: Numbers) -> str:
    """Which slices moved, and how many were looked at."""
    slices = step.slices
    if not slices:
        return f"No part of the requests has the {step.slices_least} scored requests that a finding needs."
    worse, better = ([row for row in slices if row.moved == kind] for kind in ("worse", "better"))
    parts = [f"{say.count(len(rows))} got {kind}" for kind, rows in (("worse", worse), ("better", better)) if rows]
    if len(slices) == 1:
        moved = f"got {slices[0].moved}" if slices[0].moved else "did not move"
        return f"One part of the requests is large enough to judge; it {moved} by more than chance explains."
    looked = f"{say.count(len(slices), 'part')} of the requests"
    if not parts:
        return f"None of {looked} moved by more than chance explains."
    return f"Of {looked}, {' and '.join(parts)} by more than chance explains."


# --- the cost -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CostLine:
    """A line of the cost table: what, per request, per usable output; `total` marks the change as a whole."""

    what: str
    request: str
    usable: str
    total: bool = False


def cost_title(step: RunComparison) -> str:
    """What the cost that counts is called, as in the report."""
    usable = step.cost.per_usable_output
    if usable is not None and usable.figure == "cost_with_machines":
        return MACHINES
    return cost_figure(step.cost.failures, step.good)[0]


def cost_heads(step: RunComparison) -> tuple[str, str]:
    """The heads of the columns of the cost table: per request, or per 1,000 of them where one costs little."""
    usable = cost_title(step).removeprefix("Cost p")
    if _times(step) == 1:
        return "Per request", f"P{usable}"
    one, comma, rest = usable.removeprefix("er ").partition(",")
    return "Per 1,000 requests", f"Per 1,000 {one}s{comma}{rest}"


def _times(step: RunComparison) -> int:
    """How many requests the cost table is about: small amounts are hard to compare."""
    split = step.cost.per_request
    largest = 0 if split is None else max(abs(split.before or 0), abs(split.after or 0))
    return 1000 if largest < LITTLE else 1


def cost_lines(step: RunComparison, say: Numbers) -> list[CostLine]:
    """Both costs before and after, and the parts of their change; empty without prices."""
    cost, times = step.cost, _times(step)
    if cost.per_request is None:
        return []
    splits = cost.per_request, cost.per_usable_output

    def line(what: str, key: str, show: Callable[..., str], *, total: bool = False) -> CostLine:
        amounts = [amount_of(split, key) for split in splits]
        cells = (show(None if amount is None else times * amount, cost.currency) for amount in amounts)
        return CostLine(what, *cells, total=total)

    def amount_of(split: Split | None, key: str) -> float | None:
        part = split and (split.parts if key in FACTORS else split)
        return part and getattr(part, key)

    lines = [line(step.before, "before", say.money), line(step.after, "after", say.money)]
    lines.append(line("Change", "change", say.signed_money, total=True))
    known = [split.parts for split in splits if split is not None and split.parts is not None]
    factors = [name for name in FACTORS if name != "volume" or any(parts.volume for parts in known)] if known else []
    return [*lines, *(line(FACTORS[name], name, say.signed_money) for name in factors)]


def cost_lead(step: RunComparison, say: Numbers) -> str:
    """How the cost that counts changed, and what made most of it."""
    cost = step.cost
    if cost.per_request is None:
        return f"The costs cannot be compared: {cost.why_not}."
    split = cost.per_usable_output or cost.per_request
    title = _the(cost_title(step)) if cost.per_usable_output is not None else "The cost per request"
    if split.change is None:
        return f"{title} is not known for both runs."
    currency = cost.currency or ""
    ends = f"{say.money(split.before, currency)} to {say.money(split.after, currency)}"
    if abs(split.change) < 1e-12:
        return f"{title} did not change: {say.money(split.after, currency)}."
    way = "rose" if split.change > 0 else "fell"
    parts = {} if split.parts is None else {name: getattr(split.parts, name) for name in FACTORS}
    parts = {name: part for name, part in parts.items() if part * split.change > 0}
    most = max(parts, key=lambda name: abs(parts[name]), default=None)
    return f"{title} {way} from {ends}{f', mostly because of {most}' if most else ''}."


def _the(title: str) -> str:
    """The title as the subject of a sentence: `The cost per output, including failures,`."""
    return f"The {title[:1].lower()}{title[1:]}{',' if ',' in title else ''}"


def tokens_of(step: RunComparison) -> list[float | None]:
    """The tokens of a request in both runs, prompt and answer; None where they were not counted."""
    both = step.tokens.before, step.tokens.after
    return [None if one.input is None or one.output is None else one.input + one.output for one in both]
