"""The clauses that a verdict's sentence and its reasons are made of."""

from collections.abc import Callable, Mapping
from typing import Any

from .wording import cases, count, days, money_text, percent, points, span_of_days, variant_name

__all__ = [
    "as_it_stands",
    "best_flip",
    "both_shares",
    "chance",
    "chance_line",
    "cheaper_way",
    "compared",
    "cost_line",
    "difference_line",
    "discordant_line",
    "flip_of",
    "groups_line",
    "guide_can_go",
    "input_name",
    "listed",
    "sentence",
    "share_of",
    "token_lines",
    "when_it_pays",
]

Results = Mapping[str, Any]


def compared(results: Results) -> tuple[str, str]:
    """The names of baseline and candidate."""
    return results["comparison"]["baseline"], results["comparison"]["candidate"]


def share_of(results: Results, name: str) -> float | None:
    """A variant's acceptable share; None where it was not scored."""
    return ((results["quality"].get(name) or {}).get("acceptable") or {}).get("share")


def both_shares(results: Results) -> str:
    """Both shares in one clause; a guide that Tuneworth wrote is named."""
    baseline, candidate = compared(results)
    one, other = share_of(results, candidate), share_of(results, baseline)
    assert one is not None
    assert other is not None
    name = variant_name(baseline)
    if ((results.get("variants") or {}).get(baseline) or {}).get("guide") == "written by Tuneworth":
        name += " with a guide that Tuneworth wrote"
    same = " too" if percent(one) == percent(other) else ""
    return (
        f"{variant_name(candidate)} gives an acceptable output in {percent(one)} of cases, {name} in "
        f"{percent(other)}{same}"
    )


def as_it_stands(results: Results) -> str:
    """Both shares as a sentence of their own."""
    return sentence(f"as it stands, {both_shares(results)}")


def difference_line(results: Results) -> str:
    """How much better or worse the candidate is, with its interval."""
    difference = results["comparison"]["difference"]
    value, low, high = (difference[key] for key in ("value", "low", "high"))
    n = results["comparison"].get("n")
    on = f" on {cases(n)}" if n else ""
    ends = f"range {100 * low:+.0f} to {100 * high:+.0f}".replace("-", "−")
    if round(value, 4) == 0:
        return f"Both are equally good{on} ({ends})."
    word = "better" if value > 0 else "worse"
    return sentence(f"{variant_name(compared(results)[1])} is {points(value)} {word}{on} ({ends})")


def discordant_line(results: Results) -> str:
    """How many cases only one of the two got right."""
    comparison = results["comparison"]
    baseline, candidate = compared(results)
    return (
        f"Only {variant_name(candidate)} was right in {cases(comparison['only_candidate'])}, "
        f"only {variant_name(baseline)} in {comparison['only_baseline']}."
    )


def groups_line(results: Results) -> str:
    """What cases that come in groups are worth; without groups, the discordant counts."""
    comparison = results["comparison"]
    if not comparison.get("groups") or not comparison.get("n_effective"):
        return discordant_line(results)
    return (
        f"The {count(comparison['n'])} cases come from {count(comparison['groups'])} groups of similar ones, so they "
        f"are worth about {count(max(1, round(comparison['n_effective'])))} separate ones."
    )


def chance(money: Results) -> float:
    """How likely it pays back in time; of a one-off batch, how likely it saves more than it costs."""
    if money.get("requests_total") is not None:
        return money.get("probability_npv_positive")  # type: ignore[return-value]
    return money.get("probability_of_payback_in_target")  # type: ignore[return-value]


def when_it_pays(money: Results) -> str:
    """Volume and payback, or the total of a batch."""
    currency = money["currency"]
    if money.get("requests_total") is not None:
        net = money["npv"]
        word = "saves" if net > 0 else "costs"
        return (
            f"for {count(money['requests_total'])} requests it {word} {money_text(abs(net), currency)} "
            "once the investment is counted"
        )
    volume = f"at {count(money['requests_per_day'])} requests a day"
    if money["payback_days"] is None:
        return f"{volume} it never pays back"
    payback = days(money["payback_days"]) if money["payback_days"] > 0 else "no time, since nothing is to be invested"
    span = span_of_days(money["payback_days_p5"], money["payback_days_p95"]) if money["payback_days"] > 0 else ""
    horizon = money.get("horizon_days")
    target = money.get("target_payback_days")
    late = ""
    if horizon is not None and money["payback_days"] > horizon:
        late = ", longer than its savings last"
    elif target is not None and money["payback_days"] > target:
        late = f", later than the {days(target)} aimed at"
    return f"{volume} it pays back in {payback}{span}{late}"


def cost_line(money: Results) -> str:
    """What one request costs with both, and what is invested."""
    currency, pair = money["currency"], (money["baseline"], money["candidate"])
    before, after = (money["variants"][name]["effective_cost_per_request"] for name in pair)
    unit, costs = _thousand(money), ""
    if before is not None and after is not None:
        costs = f"{unit} cost {money_text(1000 * after, currency)} instead of {money_text(1000 * before, currency)}"
    invested = (
        f"{money_text(money['investment'], currency)} {'is' if money['investment'] <= 1 else 'are'} to be invested"
    )
    running = money.get("running_cost_per_day") or 0
    upkeep = f", and it runs at {money_text(running, currency)} a day more" if running > 0 else ""
    return sentence(f"{costs}; {invested}{upkeep}" if costs else f"{invested}{upkeep}")


def _thousand(money: Results) -> str:
    return "1,000 acceptable outputs" if money.get("failures") == "drop" else "1,000 requests"


def chance_line(money: Results) -> str:
    """The chance of paying back in time as a sentence."""
    likely = percent(chance(money))
    if money.get("requests_total") is not None:
        return f"The chance that the batch saves more than it costs is {likely}."
    return f"The chance of paying back within {days(money['target_payback_days'])} is {likely}."


def token_lines(results: Results) -> list[str]:
    """Prompt tokens of both, where both were counted."""
    tokens = results.get("tokens") or {}
    baseline, candidate = compared(results)
    totals = []
    for name in (candidate, baseline):
        part = tokens.get(name) or {}
        if part.get("fixed") is None or part.get("input") is None:
            return []
        totals.append(part["fixed"] + part["input"])
    return [f"A request takes {count(round(totals[0]))} prompt tokens instead of {count(round(totals[1]))}."]


def flip_of(money: Results, key: str) -> Results | None:
    """The point at which this input tips the money over, if there is one."""
    return next((flip for flip in money.get("flips") or [] if flip["key"] == key), None)


def best_flip(money: Results) -> str | None:
    """The volume, else the failure cost or the price, from which it would pay, where it does not as it stands."""
    currency = money["currency"]
    wordings: dict[str, Callable[[float], str]] = {
        "requests_per_day": lambda to: f"it would pay from {count(to)} requests a day on",
        "requests_total": lambda to: f"it would pay from {count(to)} requests on",
        "failure_cost": lambda to: f"it would pay if an unacceptable output cost {money_text(to, currency)}",
        f"{money['candidate']}.price_input": lambda to: (
            f"it would pay at an input price of {money_text(to, currency)} per million tokens"
        ),
        f"{money['candidate']}.price_output": lambda to: (
            f"it would pay at an output price of {money_text(to, currency)} per million tokens"
        ),
        f"{money['candidate']}.hourly": lambda to: f"it would pay at {money_text(to, currency)} a machine-hour",
    }
    if (money.get("npv") or 0) > 0:  # it pays over the horizon, only not in the time aimed at
        return None
    for key, words in wordings.items():
        flip = flip_of(money, key)
        if flip is not None:
            return words(flip["to"])
    return None


def cheaper_way(results: Results, margin: float) -> str | None:
    """A cached guide, or another variant without tuning, that does as well as the baseline for less than the candidate."""
    money = results["money"]
    baseline, candidate = compared(results)
    wanted = money["variants"][candidate]["effective_cost_per_request"]
    cached = (money.get("cached_guide") or {}).get("effective_cost_per_request")
    if wanted is not None and cached is not None and cached <= wanted:
        cost = money_text(1000 * cached, money["currency"])
        unit = _thousand(money)
        return f"with the guide in the prompt cache {unit} cost {cost} without any training"
    least = share_of(results, baseline)
    for name, quality in results["quality"].items():
        cost = (money["variants"].get(name) or {}).get("effective_cost_per_request")
        share = (quality.get("acceptable") or {}).get("share")
        tuned = ((results.get("variants") or {}).get(name) or {}).get("source") == "adapter"
        if name in (baseline, candidate) or tuned or cost is None or share is None or least is None or wanted is None:
            continue
        if share >= least - margin and cost <= wanted:
            return f"{variant_name(name)} does as well as {variant_name(baseline)} for less, without any training"
    return None


def input_name(key: str, money: Results) -> str:
    """An input's key in words: `tuned.price_output` as "the output price of the tuned model"."""
    name, _, what = key.rpartition(".")
    words = {
        "requests_per_day": "the requests a day",
        "requests_total": "the number of requests",
        "failure_cost": "what an unacceptable output costs",
        "acceptance": "how often the output is acceptable",
        "price_input": "the input price",
        "price_output": "the output price",
        "input_tokens": "the length of the inputs",
        "output_tokens": "the length of the outputs",
        "fixed_tokens": "the length of the fixed prompt",
        "hourly": "the hourly price of the machine",
    }.get(what, what.replace("_", " "))
    return f"{words} of {variant_name(name)}" if name in (money["baseline"], money["candidate"]) else words


def guide_can_go(results: Results, margin: float) -> str:
    """Where the plain model is not worse than the prompted one, the guide can go, tuned or not."""
    baseline, _ = compared(results)
    if baseline == "plain" or "plain" not in results["quality"]:
        return ""
    paired = results.get("guide_comparison")
    if paired is not None:
        not_worse = paired["low_one_sided"] is not None and paired["low_one_sided"] > -margin
    else:
        plain, prompted = share_of(results, "plain"), share_of(results, baseline)
        not_worse = plain is not None and prompted is not None and plain >= prompted
    # Where neither gives anything acceptable, the guide is not superfluous: the model is too weak for it.
    if not not_worse or not share_of(results, "plain"):
        return ""
    return " The guide can go without any training: without it the outputs are no worse."


def listed(keys: list[str], *, most: int = 4) -> str:
    """Names as a list in words: a, b and c; of many the first three."""
    if len(keys) > most:
        keys = [*keys[:3], f"{len(keys) - 3} more"]
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"


def sentence(text: str) -> str:
    """The text with a capital letter in front and one full stop behind."""
    text = text.rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
