"""The answer about compared runs in words, each sentence written once: what changed, its doubt, what they share, and why
their verdicts differ."""

from collections.abc import Mapping
from typing import Any

from ...core import Numbers, decimals_beside, quote
from ...evaluate import Change, RunComparison, SharedCounts
from ...evaluate.results import Difference
from ..words import capital, finite, typeset, variant_label

# The label of each answer and its tone, which selects the colour and the icon.
DECIDED = {
    "better": ("Better", "go"),
    "worse": ("Worse", "fix"),
    "no difference shown": ("No difference shown", "open"),
    "same outputs": ("Same outputs", "none"),
    "nothing scored": ("Nothing to compare", "none"),
}
FEW_SHARED = 0.8  # of the larger test set; with fewer, the page says first that the test sets differ


def names(step: RunComparison) -> tuple[str, str]:
    """What the two runs are called; with their variants where these differ."""
    variant = step.variant
    if variant.before == variant.after:
        return step.before, step.after
    return f"{step.before} ({variant_label(variant.before)})", f"{step.after} ({variant_label(variant.after)})"


def gap_decimals(step: RunComparison) -> int:
    """The decimals of both acceptable shares and of their difference."""
    return decimals_beside(step.acceptable.before.share, step.acceptable.after.share)


def answer(step: RunComparison, say: Numbers) -> str:
    """The answer in one sentence."""
    before, after = names(step)
    shared, gap = step.shared, step.difference
    on, decimals = say.count(step.n, "shared request"), gap_decimals(step)
    if step.decided == "nothing scored":
        return f"None of the {say.count(shared.requests, 'shared request')} was scored in both runs."
    if step.decided == "same outputs":
        return f"{after} and {before} gave the same outputs on all {on}."
    if step.decided == "no difference shown":
        span = say.points_range(gap.low, gap.high)
        found = say.signed_points(gap.value, decimals)
        return f"{after} is not shown to be better or worse than {before}: {found} ({span}) on {on}."
    ends = sorted(abs(end) for end in (gap.low, gap.high) if end is not None)
    span = f"{say.points(ends[0]).split(say.gap)[0]} to {say.points(ends[1]).split(say.gap)[0]}"
    return f"{after} is {step.decided} than {before} by {say.points(gap.value, decimals)} ({span}) on {on}."


def changed_sentence(step: RunComparison, say: Numbers) -> str:
    """How many requests work only now, and how many no longer work."""
    gained, lost = step.only_after, step.only_before
    samples = step.shared.samples
    several = max(samples.before, samples.after) > 1
    if not gained and not lost:
        return f"No request changed: each is {step.good} in both runs or in neither."
    if several:
        more, less = ("more often than before", "less often")
        return f"{say.count(gained, 'request')} {_is(gained)} {step.good} {more}, {say.count(lost)} {less}."
    now = f"{say.count(gained, 'request')} that did not work {'does' if gained == 1 else 'do'} now"
    return f"{now}; {say.count(lost)} no longer {'works' if lost == 1 else 'work'}."


def _is(number: float) -> str:
    return "is" if number == 1 else "are"


def doubt(step: RunComparison, say: Numbers) -> str:
    """The strongest reason to doubt the answer."""
    style, shared, variant = step.style, step.shared, step.variant
    if variant.before != variant.after:
        shown = f'"{variant_label(variant.before)}" before, "{variant_label(variant.after)}" now'
        return f"The runs are compared by different variants: {shown}."
    if not style.same and style.rescored is None:
        rules = say.count(len(style.rules), "rule")
        return f"The runs were judged by different styles, so outputs count here by the {rules} that both have."
    larger = shared.requests + max(shared.only_before, shared.only_after)
    if shared.requests < FEW_SHARED * larger:
        return (
            f"The runs share {say.count(shared.requests)} of {say.count(larger, 'test request')}; "
            "what they do on the others is not compared."
        )
    if shared.unscored > 0.1 * shared.requests:
        return _unscored(shared, say)
    if step.decided == "same outputs":
        return "The outputs are the same, so whatever else differs comes from rules, prices or settings."
    gap, p = step.difference, finite(step.p_value)
    if step.decided == "no difference shown" and p is not None and _excludes_zero(gap):
        return (
            f"It is close: the interval excludes 0, but by chance alone so large a difference has p = {say.count(p)}."
        )
    least = finite(step.detectable_difference)
    if step.decided == "no difference shown" and least is not None:
        return f"With {say.count(step.n, 'request')}, a difference of less than {say.points(least)} often goes unseen."
    if step.decided == "better":
        return "A run that was chosen because it did best on this test set does a little worse on new requests."
    return "The answer is about these requests; others may be easier or harder for one of the runs."


def _excludes_zero(gap: Difference) -> bool:
    return gap.low is not None and gap.high is not None and (gap.low > 0 or gap.high < 0)


def next_step(step: RunComparison) -> str:
    """What to do next."""
    style, variant = step.style, step.variant
    same = [name for name in (variant.after, variant.before) if name in variant.in_both]
    if variant.candidates and variant.before != variant.after and same:
        return f"Compare the same variant: `--variant {quote(same[0])}`"
    if not style.same and style.rescored is None:
        return "Judge both by one style: `--style style.yaml`"
    worse = [row for row in step.rules.values() if row.moved == "worse"]
    if worse:
        return "Read the requests that no longer work, starting with the rules that are broken more often."
    if step.only_before:
        return "Read the requests that no longer work: they show what the change costs."
    if step.decided == "no difference shown":
        return "Test more requests if a small difference matters."
    return ""


# --- what was compared --------------------------------------------------------------------------------------------


def shared_lines(step: RunComparison, say: Numbers) -> list[str]:
    """What the runs share and what not, a sentence each."""
    shared = step.shared
    requests = say.count(shared.requests, "request")
    lines = [f"{requests} {_is(shared.requests)} in both test sets, matched by content."]
    apart = [(shared.only_before, step.before), (shared.only_after, step.after)]
    if any(number for number, _ in apart):
        lines.append(
            f"{' and '.join(f'{say.count(n)} only in {name}' for n, name in apart if n)}; these are not compared."
        )
    if shared.renumbered:
        lines.append(
            f"{say.count(shared.renumbered)} of the shared requests {_have(shared.renumbered)} another id in each run."
        )
    if shared.reused_ids:
        number = len(shared.reused_ids)
        lines.append(
            f"{say.count(number, 'id')} {'names' if number == 1 else 'name'} different requests in the two runs."
        )
    if shared.unscored:
        lines.append(_unscored(shared, say))
    if shared.same_outputs == shared.requests:
        lines.append("Both runs gave the same outputs.")
    elif shared.same_outputs:
        lines.append(f"Both runs gave the same output on {say.count(shared.same_outputs)} of them.")
    samples = shared.samples
    if max(samples.before, samples.after) > 1:
        counts = f"{samples.before} and {samples.after}" if samples.before != samples.after else str(samples.after)
        lines.append(f"A request has {counts} outputs; it counts once, with the mean over them.")
    if step.groups is not None:
        lines.append(f"They come in {say.count(step.groups, 'group')}, which the interval and the test count.")
    return [*lines, *_style_lines(step, say)]


def _unscored(shared: SharedCounts, say: Numbers) -> str:
    number = shared.unscored
    return f"{say.count(number, 'shared request')} could not be scored in both runs and {_is(number)} left out."


def _have(number: float) -> str:
    return "has" if number == 1 else "have"


def _style_lines(step: RunComparison, say: Numbers) -> list[str]:
    style = step.style
    if style.rescored is not None:
        return [f"All outputs were scored again by {style.rescored}."]
    if style.same:
        files = " The files of the style differ, although its rules read the same." if style.files_differ else ""
        return [f"Both runs were judged by the same {say.count(len(style.rules), 'rule')}.{files}"]
    apart = (
        (style.changed, "changed"),
        (style.only_before, f"only in {step.before}"),
        (style.only_after, f"only in {step.after}"),
    )
    parts = [f"{say.count(len(rules), 'rule')} {where}" for rules, where in apart if rules]
    return [
        f"The styles differ: {', '.join(parts)}. Outputs count as {step.good} here if they keep every must rule among the "
        f"{say.count(len(style.rules), 'rule')} that both have."
    ]


# --- why the verdicts differ, and what else does ------------------------------------------------------------------


BASIS = {
    "what": ("What to fix first", "text"), "candidate": ("Candidate", "name"),
    "strongest": ("Strongest way without training", "name"),
    "acceptable_candidate": ("Share that counts, candidate", "share"),
    "acceptable_strongest": ("Share that counts, strongest way without training", "share"),
    "difference": ("Difference between them", "points"), "n": ("Test requests", "count"),
    "saving_per_request": ("Saving per request", "money"), "requests_per_day": ("Requests per day", "count"),
    "investment": ("Investment", "money"), "payback_days": ("Payback", "days"), "npv": ("Gain over the horizon", "money"),
    "risks_over": ("Risks over their limit", "list"), "validity": ("What makes the comparison invalid", "list"),
}  # fmt: skip
# Why a verdict changed, in the order in which verdicts are decided.
CAUSES = {
    "validity": "what makes the comparison invalid was {0} and is {1}",
    "what": "what to fix first was {0} and is {1}",
    "risks_over": "the risks over their limit were {0} and are {1}",
    "strongest": "the strongest way without training was {0} and is {1}",
    "difference": "the difference to the strongest way without training went from {0} to {1}",
    "payback_days": "the payback went from {0} to {1}",
    "npv": "the gain over the horizon went from {0} to {1}",
}
WHAT = {
    "variant": "variant compared", "source": "source of the outputs", "way": "how outputs come about", "guide": "style guide",
    "guide_tokens": "tokens of the style guide", "few_shot": "examples in the prompt", "tuneworth": "version of Tuneworth",
}  # fmt: skip


def verdict_lead(step: RunComparison, say: Numbers) -> str:
    """Whether the verdicts differ, and the first cause in the order in which verdicts are decided."""
    first, second = step.verdicts.before, step.verdicts.after
    if first is None or second is None:
        missing = [name for name, verdict in ((step.before, first), (step.after, second)) if verdict is None]
        return f"{' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} no verdict."
    if first.decision == second.decision:
        return f"Both runs say the same: {first.decision}."
    return f"The verdict changed from {first.decision} to {second.decision}{_cause(step, say)}."


def _cause(step: RunComparison, say: Numbers) -> str:
    """The first figure behind the verdicts that differs, as the end of a sentence."""
    found = {row.key: row for row in step.verdicts.basis}
    key = next((key for key in CAUSES if key in found), None)
    if key is None:
        return ""
    ends = found[key].before, found[key].after
    if key == "what" and None in ends:
        return (
            f"; now the {ends[1]} must be fixed first"
            if ends[0] is None
            else f"; the {ends[0]} need not be fixed any more"
        )
    currency = step.cost.currency or ""
    return f"; {CAUSES[key].format(*(_basis(BASIS[key][1], end, currency, say) for end in ends))}"


def basis_rows(step: RunComparison, say: Numbers) -> list[tuple[str, str, str]]:
    """What the verdicts rest on that differs: what, before, after."""
    currency = step.cost.currency or ""
    found = {row.key: row for row in step.verdicts.basis}
    decimals = max(_decimals({key: getattr(row, role) for key, row in found.items()}) for role in ("before", "after"))
    rows = []
    for key, (title, kind) in BASIS.items():
        if key in found:
            ends = found[key].before, found[key].after
            before, after = (_basis(kind, end, currency, say, decimals) for end in ends)
            rows.append((title, before, after))
    return rows


def _decimals(found: Mapping[str, Any]) -> int:
    """The decimals with which a run's shares and difference add up; a share that did not change is not among the rows."""
    keys = ("acceptable_candidate", "acceptable_strongest", "difference")
    candidate, strongest, difference = (found.get(key) for key in keys)
    gap = difference and difference.value
    if gap is not None and candidate is None and strongest is not None:
        candidate = strongest + gap
    elif gap is not None and strongest is None and candidate is not None:
        strongest = candidate - gap
    return decimals_beside(candidate, strongest)


def setting_rows(step: RunComparison, say: Numbers) -> list[tuple[str, str, str]]:
    """The settings of the verdicts that differ: key, before, after."""
    return [(row.key, *_both(row, say)) for row in step.verdicts.settings]


def _both(row: Change, say: Numbers) -> tuple[str, str]:
    return _stated(row.before, say), _stated(row.after, say)


def _basis(kind: str, value: Any, currency: str, say: Numbers, decimals: int = 0) -> str:
    if kind == "days":
        return say.days(value)
    if value is None:
        return "–"
    if kind == "points":
        return f"{say.signed_points(value.value, decimals)} ({say.points_range(value.low, value.high)})"
    plain = {
        "share": lambda share: say.percent(share, decimals), "count": say.count,
        "money": lambda amount: say.money(amount, currency),
    }  # fmt: skip
    if kind in plain:
        return plain[kind](value)
    if kind == "list":
        return typeset("; ".join(map(str, value))) or "none"
    return variant_label(str(value)) if kind == "name" else str(value)


def context_rows(step: RunComparison, say: Numbers) -> list[tuple[str, str, str]]:
    """What else differs between the runs: what, before, after."""
    rows = []
    for row in step.context:
        kind, _, name = (
            row.what.rpartition(": ") if row.what.startswith(("file: ", "setting: ")) else ("", "", row.what)
        )
        shown = name if kind == "setting" else f"{capital(WHAT.get(name, name))}{' (file)' if kind else ''}"
        rows.append((shown, *_both(row, say)))
    return rows


def _stated(value: Any, say: Numbers) -> str:
    if isinstance(value, list):
        return ", ".join(_stated(one, say) for one in value)
    return "–" if value is None else say.stated(value)
