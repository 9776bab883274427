"""The answer about compared runs in words, each sentence written once: what changed, its doubt, what they share."""

from collections.abc import Mapping
from typing import Any

from ...core import Numbers, decimals_beside, quote
from ..words import finite, variant_label

__all__ = ["DECIDED", "Step", "answer", "changed_sentence", "doubt", "names", "next_step", "shared_lines"]

Step = Mapping[str, Any]
# The label of each answer and its tone, which selects the colour and the icon.
DECIDED = {
    "better": ("Better", "go"),
    "worse": ("Worse", "fix"),
    "no difference shown": ("No difference shown", "open"),
    "same outputs": ("Same outputs", "none"),
    "nothing scored": ("Nothing to compare", "none"),
}
FEW_SHARED = 0.8  # of the larger test set; with fewer, the page says first that the test sets differ


def names(step: Step) -> tuple[str, str]:
    """What the two runs are called; with their variants where these differ."""
    variant = step["variant"]
    if variant["before"] == variant["after"]:
        return str(step["before"]), str(step["after"])
    shown = [f"{step[role]} ({variant_label(str(variant[role]))})" for role in ("before", "after")]
    return shown[0], shown[1]


def gap_decimals(step: Step) -> int:
    """The decimals of both acceptable shares and of their difference."""
    return decimals_beside(*(found and found["share"] for found in step["acceptable"].values()))


def answer(step: Step, say: Numbers) -> str:
    """The answer in one sentence."""
    before, after = names(step)
    shared, gap = step["shared"], step["difference"]
    on, decimals = say.count(step["n"], "shared request"), gap_decimals(step)
    if step["decided"] == "nothing scored":
        return f"None of the {say.count(shared['requests'], 'shared request')} was scored in both runs."
    if step["decided"] == "same outputs":
        return f"{after} and {before} gave the same outputs on all {on}."
    if step["decided"] == "no difference shown":
        span = say.points_range(gap["low"], gap["high"])
        found = say.signed_points(gap["value"], decimals)
        return f"{after} is not shown to be better or worse than {before}: {found} ({span}) on {on}."
    ends = sorted(abs(gap[end]) for end in ("low", "high"))
    span = f"{say.points(ends[0]).split(say.gap)[0]} to {say.points(ends[1]).split(say.gap)[0]}"
    return f"{after} is {step['decided']} than {before} by {say.points(gap['value'], decimals)} ({span}) on {on}."


def changed_sentence(step: Step, say: Numbers) -> str:
    """How many requests work only now, and how many no longer work."""
    gained, lost = step["only_after"], step["only_before"]
    several = max(step["shared"]["samples"].values()) > 1
    if not gained and not lost:
        return "No request changed: each is acceptable in both runs or in neither."
    if several:
        more, less = ("more often than before", "less often")
        return f"{say.count(gained, 'request')} {_is(gained)} acceptable {more}, {say.count(lost)} {less}."
    now = f"{say.count(gained, 'request')} that did not work {'does' if gained == 1 else 'do'} now"
    return f"{now}; {say.count(lost)} no longer {'works' if lost == 1 else 'work'}."


def _is(number: float) -> str:
    return "is" if number == 1 else "are"


def doubt(step: Step, say: Numbers) -> str:
    """The strongest reason to doubt the answer."""
    style, shared, variant = step["style"], step["shared"], step["variant"]
    if variant["before"] != variant["after"]:
        shown = [variant_label(str(variant[role])) for role in ("before", "after")]
        return f'The runs are compared by different variants: "{shown[0]}" before, "{shown[1]}" now.'
    if not style["same"] and style["rescored"] is None:
        rules = say.count(len(style["rules"]), "rule")
        return f"The runs were judged by different styles, so outputs count here by the {rules} that both have."
    larger = shared["requests"] + max(shared["only_before"], shared["only_after"])
    if shared["requests"] < FEW_SHARED * larger:
        return (
            f"The runs share {say.count(shared['requests'])} of {say.count(larger, 'test request')}; "
            "what they do on the others is not compared."
        )
    if shared["unscored"] > 0.1 * shared["requests"]:
        return _unscored(shared, say)
    if step["decided"] == "same outputs":
        return "The outputs are the same, so whatever else differs comes from rules, prices or settings."
    gap, p = step["difference"], finite(step["p_value"])
    if step["decided"] == "no difference shown" and p is not None and (gap["low"] > 0 or gap["high"] < 0):
        return (
            f"It is close: the interval excludes 0, but by chance alone so large a difference has p = {say.count(p)}."
        )
    least = finite(step["detectable_difference"])
    if step["decided"] == "no difference shown" and least is not None:
        return (
            f"With {say.count(step['n'], 'request')}, a difference of less than {say.points(least)} often goes unseen."
        )
    if step["decided"] == "better":
        return "A run that was chosen because it did best on this test set does a little worse on new requests."
    return "The answer is about these requests; others may be easier or harder for one of the runs."


def next_step(step: Step) -> str:
    """What to do next."""
    style, variant = step["style"], step["variant"]
    same = [name for name in (variant["after"], variant["before"]) if name in variant["in_both"]]
    if variant["candidates"] and variant["before"] != variant["after"] and same:
        return f"Compare the same variant: `--variant {quote(str(same[0]))}`"
    if not style["same"] and style["rescored"] is None:
        return "Judge both by one style: `--style style.yaml`"
    worse = [row for row in step["rules"].values() if row["moved"] == "worse"]
    if worse:
        return "Read the requests that no longer work, starting with the rules that are broken more often."
    if step["only_before"]:
        return "Read the requests that no longer work: they show what the change costs."
    if step["decided"] == "no difference shown":
        return "Test more requests if a small difference matters."
    return ""


# --- what was compared --------------------------------------------------------------------------------------------


def shared_lines(step: Step, say: Numbers) -> list[str]:
    """What the runs share and what not, a sentence each."""
    shared, style = step["shared"], step["style"]
    requests = say.count(shared["requests"], "request")
    lines = [f"{requests} {_is(shared['requests'])} in both test sets, matched by content."]
    apart = [(shared["only_before"], step["before"]), (shared["only_after"], step["after"])]
    if any(number for number, _ in apart):
        lines.append(
            f"{' and '.join(f'{say.count(n)} only in {name}' for n, name in apart if n)}; these are not compared."
        )
    if shared["renumbered"]:
        lines.append(
            f"{say.count(shared['renumbered'])} of the shared requests {_have(shared['renumbered'])} another id in each run."
        )
    if shared["reused_ids"]:
        number = len(shared["reused_ids"])
        lines.append(
            f"{say.count(number, 'id')} {'names' if number == 1 else 'name'} different requests in the two runs."
        )
    if shared["unscored"]:
        lines.append(_unscored(shared, say))
    if shared["same_outputs"] == shared["requests"]:
        lines.append("Both runs gave the same outputs.")
    elif shared["same_outputs"]:
        lines.append(f"Both runs gave the same output on {say.count(shared['same_outputs'])} of them.")
    samples = shared["samples"]
    if max(samples.values()) > 1:
        counts = (
            f"{samples['before']} and {samples['after']}"
            if samples["before"] != samples["after"]
            else str(samples["after"])
        )
        lines.append(f"A request has {counts} outputs; it counts once, with the mean over them.")
    if step["groups"] is not None:
        lines.append(f"They come in {say.count(step['groups'], 'group')}, which the interval and the test count.")
    return [*lines, *_style_lines(style, step, say)]


def _unscored(shared: Mapping[str, Any], say: Numbers) -> str:
    number = shared["unscored"]
    return f"{say.count(number, 'shared request')} could not be scored in both runs and {_is(number)} left out."


def _have(number: float) -> str:
    return "has" if number == 1 else "have"


def _style_lines(style: Mapping[str, Any], step: Step, say: Numbers) -> list[str]:
    if style["rescored"] is not None:
        return [f"All outputs were scored again by {style['rescored']}."]
    if style["same"]:
        files = " The files of the style differ, although its rules read the same." if style["files_differ"] else ""
        return [f"Both runs were judged by the same {say.count(len(style['rules']), 'rule')}.{files}"]
    apart = {
        "changed": "changed",
        "only_before": f"only in {step['before']}",
        "only_after": f"only in {step['after']}",
    }
    parts = [f"{say.count(len(style[key]), 'rule')} {where}" for key, where in apart.items() if style[key]]
    return [
        f"The styles differ: {', '.join(parts)}. Outputs count as acceptable here if they keep every must rule among the "
        f"{say.count(len(style['rules']), 'rule')} that both have."
    ]
