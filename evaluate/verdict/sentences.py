"""The clauses and sentences of a verdict: shares, difference, cases, tokens, costs, payback, chance."""

import math
from collections.abc import Mapping
from typing import Any

from ...core import Row, decimals_beside, roughly, row_text, say
from ..money.flips import SURE, UNSURE
from ..money.volumes import pays_in_time
from ..statistics.paired import significant

__all__ = [
    "HABITS",
    "TELLING",
    "as_it_stands",
    "both_shares",
    "capital",
    "chance",
    "chance_line",
    "compared",
    "cost_line",
    "difference_line",
    "discordant_clause",
    "futures_clause",
    "gap_clause",
    "gap_decimals",
    "groups_line",
    "groups_of_similar",
    "input_name",
    "it_would_pay",
    "listed",
    "lost_facts",
    "missing_cases",
    "others_line",
    "outputs_clause",
    "repaired",
    "rules_unlike_people",
    "scored_name",
    "sentence",
    "share_of",
    "thousand",
    "token_lines",
    "use",
    "variant_name",
    "when_it_pays",
]

# Causes that are the model's own, as against a fault of the comparison; named from a tenth of the outputs on.
HABITS = {
    "endless": "do not end before the token limit",
    "empty": "are empty",
    "refused": "are refusals",
    "same text": "are the same text",
}
TELLING = 0.1
FEWEST = 0.005  # a share shown as 0 of 100
Results = Mapping[str, Any]


def compared(results: Results) -> tuple[str, str]:
    """The names of baseline and candidate."""
    return results["comparison"]["baseline"], results["comparison"]["candidate"]


def share_of(results: Results, name: str) -> float | None:
    """A variant's acceptable share; None if it was not scored."""
    return ((results["quality"].get(name) or {}).get("acceptable") or {}).get("share")


def repaired(results: Results, name: str) -> bool:
    """Whether a variant's outputs were repaired before they were scored."""
    return ((results.get("variants") or {}).get(name) or {}).get("repair", "off") != "off"


def scored_name(results: Results, name: str) -> str:
    """`variant_name`, with a note if the settings have its outputs repaired."""
    words = variant_name(name)
    noted = name == "template" or words.endswith(AFTER_REPAIR) or "else " in name
    return words if noted or not repaired(results, name) else f"{words} {AFTER_REPAIR}"


def both_shares(results: Results, rival: str | None = None) -> str:
    """The shares of the candidate and of a rival, by default the strongest; a guide that Tuneworth wrote is named."""
    baseline, candidate = compared(results)
    baseline = rival or baseline
    one, other = share_of(results, candidate), share_of(results, baseline)
    assert one is not None
    assert other is not None
    name = scored_name(results, baseline)
    if ((results.get("variants") or {}).get(baseline) or {}).get("guide") == "written by Tuneworth":
        name += " with a guide that Tuneworth wrote"
    decimals = decimals_beside(one, other)
    also = "also " if say.percent(one, decimals) == say.percent(other, decimals) else ""
    return (
        f"{scored_name(results, candidate)} gives an acceptable output in {say.percent(one, decimals)} of cases"
        f"{_habit(results, candidate)}, {name} {also}in {say.percent(other, decimals)}{_habit(results, baseline)}"
    )


def _habit(results: Results, name: str) -> str:
    """What a tenth or more of a variant's outputs are instead of answers, the most frequent alone, in brackets."""
    entries = (results["quality"].get(name) or {}).get("causes") or []
    found = [entry for entry in entries if entry["cause"] in HABITS and entry["count"] >= TELLING * entry["of"]]
    if not found:
        return ""
    entry = max(found, key=lambda entry: entry["count"])
    return f" ({say.percent(entry['count'] / entry['of'])} of its outputs {HABITS[entry['cause']]})"


def lost_facts(results: Results, margin: float) -> str | None:
    """The clause that the candidate is surely less often right about the facts than the strongest rival; None if not."""
    baseline, candidate = compared(results)
    row = next((row for row in results.get("rivals") or [] if row["name"] == baseline), None)
    facts = (row or {}).get("facts")
    if not facts or facts["high"] is None or not (facts["high"] < 0 and facts["value"] <= -margin + 1e-9):
        return None
    shares = [
        ((results["quality"].get(name) or {}).get("faithful") or {}).get("share") for name in (candidate, baseline)
    ]
    if None in shares:
        return None
    ours, theirs = (say.percent(share) for share in shares)
    return (
        f"{scored_name(results, candidate)} gets the facts right in {ours} of cases, {scored_name(results, baseline)} in "
        f"{theirs}, and no gain in form makes up for that"
    )


def missing_cases(needed: Results, n: int, groups: int | None, *, unseen: bool = False) -> str:
    """The cases to add, in groups where groups are what is missing."""
    more = max(needed["cases"] - n, 1)
    what = "unseen case" if unseen else "more case"
    cases = f"{'about ' if more >= 10 else ''}{say.count(more, what)}"
    if groups and needed.get("groups"):
        return f"{cases} from {say.count(max(needed['groups'] - groups, 1), 'other group')}"
    return cases


def others_line(results: Results, named: str) -> list[str]:
    """The other measured rivals with their shares, as one sentence; none if there is no other."""
    rows = [row for row in results.get("rivals") or [] if row["measured"] and row["name"] != named]
    rows = [row for row in rows if (row["acceptable"] or {}).get("share") is not None]
    if not rows:
        return []
    rows.sort(key=lambda row: (-row["acceptable"]["share"], row["name"]))
    shown = [f"{variant_name(row['name'])} {say.percent(row['acceptable']['share'])}" for row in rows]
    return [sentence(f"other ways without training: {listed(shown)}")]


def as_it_stands(results: Results) -> str:
    """Both shares as a sentence."""
    return sentence(f"as measured, {both_shares(results)}")


def gap_clause(results: Results, rival: Any = None) -> str:
    """How much better or worse the candidate is than a rival, by default its strongest one."""
    gap: float = results["comparison"]["difference"]["value"] if rival is None else rival.value
    if round(gap, 4) == 0:
        return "both are equally good"
    size = say.points(gap, gap_decimals(results, None if rival is None else rival.name))
    return f"{variant_name(compared(results)[1])} is {size} {'better' if gap > 0 else 'worse'}"


def gap_decimals(results: Results, rival: str | None = None) -> int:
    """The decimals of the candidate's share, of a rival's, by default the strongest one's, and of their difference."""
    baseline, candidate = compared(results)
    return decimals_beside(share_of(results, candidate), share_of(results, rival or baseline))


def outputs_clause(results: Results) -> str:
    """How the candidate's outputs compare to those of the strongest rival; significant only by both interval and test."""
    comparison = results["comparison"]
    low, gap = comparison["difference"]["low"], say.points(comparison["difference"]["value"], gap_decimals(results))
    if low > 0 and not significant(low, comparison["difference"]["high"], comparison.get("p_value")):
        return f"the gap is {gap}"
    if low > 0:
        return f"the gap of {gap} is statistically significant"
    return "the outputs are no worse" if low == 0 else f"the outputs are at most {say.points(low)} worse"


def difference_line(results: Results, rival: Any = None) -> str:
    """How much better or worse the candidate is, with its interval: than its strongest rival, or than this one."""
    difference, n = results["comparison"]["difference"], results["comparison"].get("n")
    than = ""
    if rival is not None and not rival.strongest:
        difference, than = {"value": rival.value, "low": rival.low, "high": rival.high}, f" than {rival.label}"
    gap = gap_clause(results, rival)
    on = f" on {say.count(n, 'case')}" if n else ""
    return sentence(f"{gap}{than}{on} (range {say.points_range(difference['low'], difference['high'])})")


def discordant_clause(results: Results) -> str:
    """How many cases only one of the two is acceptable in; with repeats, which one is acceptable more often."""
    comparison = results["comparison"]
    baseline, candidate = compared(results)
    won, lost = say.count(comparison["only_candidate"], "case"), comparison["only_baseline"]
    if any((results["quality"].get(name) or {}).get("samples", 1) > 1 for name in (baseline, candidate)):
        return f"{variant_name(candidate)} is acceptable more often in {won}, {variant_name(baseline)} in {lost}"
    return f"only {variant_name(candidate)} is acceptable in {won}, only {variant_name(baseline)} in {lost}"


def rules_unlike_people(found: Results, raters: Results | None) -> str:
    """The problem that the rules agree with people less than one person does, or with one person hardly at all."""
    text = "the rules do not measure what people want, as they agree with people"
    if raters is None:
        value, low, high = (found["kappa"][end] for end in ("value", "low", "high"))
        kappa = row_text(Row("kappa", "", value, "coefficient", low, high))
        return f"{text} little more than chance would, with a kappa of {kappa}"
    rules, person = (say.coefficient(raters[who]["kappa"]["value"]) for who in ("rules", "one_person"))
    apart = say.coefficient_range(raters["difference"]["low"], raters["difference"]["high"])
    return f"{text} less than one person does with the others, with a kappa of {rules} against {person} (difference {apart})"


def groups_line(results: Results) -> str:
    """The effective number of cases if they come in groups; otherwise the discordant counts."""
    comparison = results["comparison"]
    if not comparison.get("groups") or not comparison.get("n_effective"):
        return sentence(discordant_clause(results))
    n, worth = comparison["n"], max(1, round(comparison["n_effective"]))
    if n == 1:
        return sentence(discordant_clause(results))
    return (
        f"The {say.count(n, 'case')} come from {groups_of_similar(results)}, so they count as about "
        f"{say.count(worth, 'independent case')}."
    )


def groups_of_similar(results: Results) -> str:
    """27 as "27 groups of similar cases", or "27 distinct requests" where only equal requests are groups."""
    groups = results["comparison"]["groups"]
    if (results.get("requests") or {}).get("distinct") == groups:
        return say.count(groups, "distinct request")
    return f"{say.count(groups, 'group')} of similar cases"


def token_lines(results: Results) -> list[str]:
    """The prompt tokens of both, if both are known."""
    tokens = results.get("tokens") or {}
    baseline, candidate = compared(results)
    totals = []
    for name in (candidate, baseline):
        part = tokens.get(name) or {}
        if part.get("fixed") is None or part.get("input") is None:
            return []
        totals.append(part["fixed"] + part["input"])
    return [f"A request uses {say.count(round(totals[0]))} prompt tokens instead of {say.count(round(totals[1]))}."]


def listed(keys: list[str], *, most: int = 4) -> str:
    """Names as a list in words: a, b and c; of more than `most`, only the first three."""
    if len(keys) > most:
        keys = [*keys[:3], f"{len(keys) - 3} more"]
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"


def sentence(text: str) -> str:
    """The text with a capital letter at the start and one full stop at the end."""
    return f"{capital(text.rstrip('.'))}."


def capital(text: str) -> str:
    """The text with a capital letter at the start."""
    return text[:1].upper() + text[1:]


def variant_name(name: str) -> str:
    """A variant in words, also one that Tuneworth derives from others; any other by its name in quotes."""
    if name in NAMES:
        return NAMES[name]
    first, plus, way = name.rpartition(" + ")
    if plus and way in ADDED:
        base, added = variant_name(first), ADDED[way]
        return f"{base} {added.replace('with ', 'and ', 1) if ' with ' in base else added}"
    first, fallback, second = name.partition(", else ")
    if fallback:
        return f"{variant_name(first)} with {variant_name(second)} as the fallback"
    return f'"{name}"'


def use(name: str) -> str:
    """What to do with a variant that wins: keep the usual prompt, or use another way."""
    return f"{'keep' if name == 'prompted' else 'use'} {variant_name(name)}"


NAMES = {
    "tuned": "the tuned model",
    "prompted": "the prompted model",
    "plain": "the plain model without a guide",
    "template": "a template without any model",
    "nearest": "the prompted model with the nearest examples",
    "searched": "the prompted model with the searched prompt",
}
AFTER_REPAIR = "after repair"
ADDED = {
    "repair": AFTER_REPAIR,
    "retry": "with retries",
    "short guide": "with a short guide",
    "constrained": "with constrained decoding",
}


def chance(money: Results) -> float:
    """The chance of paying back in time; for a one-off batch, of saving more than it costs."""
    if money.get("requests_total") is not None:
        return money.get("probability_npv_positive")  # type: ignore[return-value]
    return money.get("probability_of_payback_in_target")  # type: ignore[return-value]


def when_it_pays(money: Results) -> str:
    """The volume and the payback, or the total of a batch."""
    currency = money["currency"]
    if money.get("requests_total") is not None:
        net = money["npv"]
        word = "saves" if net > 0 else "costs"
        return (
            f"for {say.count(money['requests_total'], 'request')} it {word} {say.money(abs(net), currency)} "
            "once the investment is counted"
        )
    a_day = money["requests_per_day"]
    volume = f"at {say.count(a_day, 'request')} a day"
    if money["payback_days"] is None:
        remaining = stated_days_left(money)
        retires = (money.get("saving_per_day") or 0) > 0 and remaining is not None
        when = f"retires in {say.days(remaining)}" if remaining else "has been retired"
        return f"{volume} it never pays back{f', since the base model {when}' if retires else ''}"
    payback = say.days(money["payback_days"]) if money["payback_days"] > 0 else "no time, since it needs no investment"
    span = _span(payback, money["payback_days_p5"], money["payback_days_p95"]) if money["payback_days"] > 0 else ""
    horizon = money.get("horizon_days")
    target = money.get("target_payback_days")
    late = ""
    if horizon is not None and money["payback_days"] > horizon:
        late = ", longer than the savings last"
    elif target is not None and money["payback_days"] > target:
        late = f", later than the target of {say.days(target)}"
    return f"{volume} it pays back in {payback}{span}{late}"


def _span(payback: str, low: float | None, high: float | None) -> str:
    """The 90% range of the payback in brackets; empty if it adds nothing."""
    span = say.days_range(low, high)
    return "" if low is None or span in (payback, say.days(math.inf)) else f" ({span})"


def stated_days_left(money: Results) -> float | None:
    """Days until the base model is retired, if that is stated."""
    key = "running.days_to_retirement"
    return next((line["value"] for line in money.get("assumptions") or [] if line["key"] == key), None)


def cost_line(money: Results) -> str:
    """What requests cost with each of the two, and the investment."""
    currency, pair = money["currency"], (money["baseline"], money["candidate"])
    before, after = (money["variants"][name]["effective_cost_per_request"] for name in pair)
    unit, costs = thousand(money), ""
    if before is not None and after is not None:
        costs = f"{unit} cost {say.money(1000 * after, currency)} instead of {say.money(1000 * before, currency)}"
    amount = say.money(money["investment"], currency)
    invested = f"the investment is {amount}" if money["investment"] else "no investment is needed"
    running = money.get("running_cost_per_day") or 0
    upkeep = f", and running it costs {say.money(abs(running), currency)} a day {'more' if running > 0 else 'less'}"
    upkeep = upkeep if running else ""
    return sentence(f"{costs}; {invested}{upkeep}" if costs else f"{invested}{upkeep}")


def thousand(money: Results) -> str:
    """A thousand of the units that are paid for."""
    return "1,000 acceptable outputs" if money.get("failures") == "drop" else "1,000 requests"


def chance_line(money: Results, plan: Results | None = None) -> str:
    """The chance of paying back in time as a sentence; simulation never shows 0% or 100%.

    `plan` has the target if `money` is only what training gains against one rival.
    """
    likely, plan = say.chance(chance(money)), plan or money
    if plan.get("requests_total") is not None:
        return f"The chance that the batch saves more than it costs is {likely}."
    return f"The chance of paying back within {say.days(plan['target_payback_days'])} is {likely}."


def futures_clause(money: Results, *, only: bool = False, earned: float | None = None) -> str:
    """How many of a hundred simulated scenarios pay back in time; with `earned`, how many save more than they cost."""
    likely = chance(money) if earned is None else earned
    what = "it saves more than it costs"
    if earned is None and money.get("requests_total") is None:
        what = f"the investment pays back within {say.days(money['target_payback_days'])}"
    if likely <= FEWEST:
        return f"{what} in almost none of the simulated scenarios"
    if likely >= 1 - FEWEST:
        return f"{what} in almost all simulated scenarios"
    return f"{what} in {'only ' if only else ''}{_of_hundred(likely)} of 100 simulated scenarios"


def _of_hundred(share: float) -> str:
    """A share in whole hundredths; if rounding would move it across a decision threshold, "just over" or "just under"."""
    text = say.of_hundred(share)
    if float(text) >= 100 * SURE > 100 * share:
        return f"just under {text}"
    return f"just over {text}" if float(text) <= 100 * UNSURE < 100 * share else text


def it_would_pay(key: str, to: float, money: Results) -> str | None:
    """A clause with the value of this input at which it would pay off; None for an input that cannot be set."""
    currency, candidate = money["currency"], _priced_as(money)
    price = "it would pay off at an {} price of {} per million tokens or less"
    return {
        "requests_per_day": pays_in_time(_about(to), money.get("target_payback_days")),
        "requests_total": f"it would pay off at about {_about(to)} requests or more",
        "failure_cost": f"it would pay off if an unacceptable output cost {say.money(to, currency)} or more",
        f"{candidate}.price_input": price.format("input", say.money(to, currency)),
        f"{candidate}.price_output": price.format("output", say.money(to, currency)),
        f"{candidate}.hourly": f"it would pay off at {say.money(to, currency)} per machine-hour or less",
        "investment.compute": f"it would pay off if training cost {say.money(to, currency)} or less",
        "target_payback_days": f"it would pay off with a target of {say.days(to)} or more",
    }.get(key)


def _priced_as(money: Results) -> str:
    """The variant whose table has the candidate's prices: another one for a candidate that is made from it."""
    inputs = (money.get("formula_inputs") or {}).get("variants") or {}
    return (inputs.get(money["candidate"]) or {}).get("prices_like") or money["candidate"]


def _about(number: float) -> str:
    """Rounded to three digits: more would look exact."""
    return say.count(roughly(number, 3))


def input_name(key: str, money: Results) -> str:
    """An input's key in words: `tuned.price_output` as "the output price of the tuned model"."""
    name, _, what = key.rpartition(".")
    words = {
        "requests_per_day": "the number of requests per day",
        "requests_total": "the number of requests",
        "failure_cost": "the cost of an unacceptable output",
        "acceptance": "the share of acceptable outputs",
        "price_input": "the input price",
        "price_output": "the output price",
        "price_cached": "the price of cached tokens",
        "cached_tokens": "the cached part of the inputs",
        "input_tokens": "the length of the inputs",
        "output_tokens": "the length of the outputs",
        "fixed_tokens": "the length of the fixed prompt",
        "hourly": "the hourly price of the machine",
        "running": "the upkeep of the tuned model",
    }.get(what, f"the {what.replace('_', ' ')}")
    known = (money["baseline"], money["candidate"], *(money.get("variants") or ()))
    return f"{words} of {variant_name(name)}" if name in known else words
