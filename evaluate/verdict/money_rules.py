"""The rules of the verdict about the money, 5 to 9, and their thresholds."""

from collections.abc import Mapping
from typing import Any

from ...core import say
from ..money.flips import Weight, weigh
from .rivals import CheaperWay, better_untuned, cheaper_way
from .sentences import (
    both_shares,
    chance,
    chance_line,
    compared,
    cost_line,
    difference_line,
    input_name,
    it_would_pay,
    listed,
    sentence,
    share_of,
    thousand,
    token_lines,
    variant_name,
    when_it_pays,
)

__all__ = ["HOPELESS", "hopeless"]

HOPELESS = 0.05  # at this chance, more test cases would not change the decision
Results = Mapping[str, Any]
Found = dict[str, Any]


def hopeless(results: Results) -> bool:
    """Whether it almost never pays back in time, however good the outputs: the chance includes their uncertainty.

    False if a failure costs nothing, since better outputs then save no money.
    """
    money = results.get("money")
    if money is None or no_money(results, 0.0) is not None:
        return False
    return _failures_cost(money) and chance(money) <= HOPELESS


def no_money(results: Results, margin: float) -> Found | None:
    """Rule 5: prices or volume are missing."""
    money = results.get("money")
    required = "prices and requests_per_day in [roi]"
    where = "prices and requests_per_day under [roi]"
    if money is None:
        reason = "until prices and the number of requests per day are stated"
    elif not money.get("missing") and money.get("saving_per_request") is not None and chance(money) is not None:
        return None
    elif money.get("missing"):
        required, many = ", ".join(money["missing"]), len(money["missing"])
        names = [input_name(key.removeprefix("roi."), money) for key in money["missing"]]
        reason = f"until {' and '.join(names) if many <= 2 else f'{many} missing numbers'} {'is' if many == 1 else 'are'} stated"
        where = listed([f"`{key}`" for key in money["missing"]]) if many <= 2 else f"the {many} missing numbers"
    else:
        reason = "because a variant without any acceptable output has no cost per acceptable output"
        required = 'failures other than "drop"'
        where = f"{required} under [roi]"
    return {
        "decision": "cannot tell yet",
        "sentence": f"Cannot tell yet: {both_shares(results)}; whether that pays off is unknown {reason}.",
        "reasons": [
            difference_line(results),
            sentence(f"To compute the money, state {required}"),
            *token_lines(results),
        ],
        "next": f"State {where} in tuneworth.toml and run `tuneworth roi`; the existing outputs are reused.",
    }


def cost_unset(results: Results, margin: float) -> Found | None:
    """Rule 6: the candidate is better, but not worth its cost as long as a failure costs nothing."""
    money = results["money"]
    if _failures_cost(money) or not _surely_better(results) or _weight(money) == "pays":
        return None
    least = money.get("carrying_failure_cost")
    if least is None:
        return None
    cost = say.money(least, money["currency"])
    return {
        "decision": "cannot tell yet",
        "sentence": (
            f"Cannot tell yet: {both_shares(results)}; that pays off if an unacceptable output costs more than {cost}."
        ),
        "reasons": [
            difference_line(results),
            cost_line(money),
            "State what an unacceptable output costs (failure_cost).",
        ],
        "next": (
            "State what one unacceptable output costs (`failure_cost` under [roi] in tuneworth.toml) and run "
            "`tuneworth roi`; the decision depends on it."
        ),
    }


def pays(results: Results, margin: float) -> Found | None:
    """Rule 7: it is likely enough to pay back in time, and no alternative without training is known to do it for less."""
    money = results["money"]
    if _weight(money) != "pays" or _in_the_way(results, margin) is not None:
        return None
    reasons = [difference_line(results), cost_line(money), chance_line(money), *token_lines(results)]
    way = cheaper_way(results, margin)
    if way is not None:
        reasons.insert(3, sentence(_untried(way, results)))
    return {
        "decision": "fine-tune",
        "sentence": f"Fine-tune: {both_shares(results)}; {when_it_pays(money)}.",
        "reasons": reasons,
    }


def does_not_pay(results: Results, margin: float) -> Found | None:
    """Rule 8: it is unlikely to pay back in time or to pay at all, or a measured alternative without training wins."""
    money, way = results["money"], cheaper_way(results, margin)
    blocked = _in_the_way(results, margin)
    beaten = blocked is not None and blocked.standing == "measured" and _settled(blocked, results)
    if _weight(money) != "does not pay" and not beaten:
        return None
    flip = None if beaten else _would_pay(money)
    named = None if way is None or way.standing == "assumed" else _named(way, results, margin)
    more = f"; {named or flip}" if named or flip else ""
    why = f"; {named}, and against that training does not pay off" if beaten else f", but {when_it_pays(money)}{more}"
    reasons = [difference_line(results), cost_line(money), chance_line(money)]
    if named:
        reasons.insert(0, sentence(named))
    reasons += [sentence(flip)] if flip else []
    reasons += [sentence(_named(way, results, margin))] if way is not None and named is None else []
    verdict = {
        "decision": "keep prompting",
        "sentence": f"Keep prompting: {both_shares(results)}{why}.",
        "reasons": reasons,
    }
    return verdict if named is None or way is None else verdict | {"next": _try_it(way, results)}


def in_between(results: Results, margin: float) -> Found | None:
    """Rule 9: the chance is neither high nor low, or an untried alternative may do the same for less."""
    money, way = results["money"], _in_the_way(results, margin)
    if _weight(money) == "pays" and way is not None:
        open_point = f"but {_untried(way, results)}"
        reasons = [sentence(_untried(way, results)), difference_line(results), cost_line(money), chance_line(money)]
        extra = {"next": _try_it(way, results)}
    else:
        widest = money["tornado"][0]["key"] if money.get("tornado") else None
        open_point = (
            f"and that depends most on {input_name(widest, money)}" if widest else "and the ranges are too wide"
        )
        reasons, extra = [difference_line(results), chance_line(money), cost_line(money)], {}
        if widest:
            extra["next"] = (
                f"Narrow down {input_name(widest, money)}, state it under [roi] in tuneworth.toml and run "
                "`tuneworth roi`; the existing outputs are reused."
            )
    return {
        "decision": "cannot tell yet",
        "sentence": f"Cannot tell yet: {both_shares(results)}; {when_it_pays(money)}, {open_point}.",
        "reasons": reasons,
    } | extra


def _would_pay(money: Results) -> str | None:
    """The first input whose change alone would make it pay off."""
    for flip in money.get("flips") or []:
        clause = it_would_pay(flip["key"], flip["to"], money)
        if clause and _weight({**money, **flip["beyond"]}) == "pays":
            return clause
    return None


def _weight(money: Results) -> Weight:
    return weigh(chance(money), money["npv_p50"])


def _failures_cost(money: Results) -> bool:
    return money.get("failure_cost") is not None or money.get("failures") in ("drop", "repair")


def _surely_better(results: Results) -> bool:
    return results["comparison"]["difference"]["low"] > 0


def _in_the_way(results: Results, margin: float) -> CheaperWay | None:
    """An alternative that rules out `fine-tune`: its outputs are known, and tuning does not pay off against it.

    An alternative whose outputs were not scored (a shorter guide) rules out nothing.
    """
    way = cheaper_way(results, margin)
    return None if way is None or way.standing == "assumed" else way


def _settled(way: CheaperWay, results: Results) -> bool:
    """Whether it wins outright: the money includes its failures, or it fails no more often than the tuned model."""
    return bool(way.as_good) or _failures_cost(results["money"])


def _cost_of(way: CheaperWay, results: Results) -> str:
    """The cost in brackets, to append; empty if it is unknown."""
    money = results["money"]
    return "" if way.cost is None else f" ({say.money(1000 * way.cost, money['currency'])} per {thousand(money)})"


def _named(way: CheaperWay, results: Results, margin: float) -> str:
    """The alternative as a clause of a verdict that keeps prompting."""
    cost, baseline = _cost_of(way, results), compared(results)[0]
    if way.standing == "measured":
        better, before = better_untuned(results, margin), share_of(results, baseline)
        share = share_of(results, better) if better is not None and variant_name(better) == way.what else None
        better_by = None if share is None or before is None else say.points(share - before)
        as_well = "does as well as" if better_by is None else f"is {better_by} better than"
        return f"{way.what} {as_well} {variant_name(baseline)}, without any training{cost}"
    if way.standing == "same outputs":
        return f"{way.what} gives the same outputs without any training{cost}"
    return f"{way.what} may be good enough without any training{cost}, but its outputs were not measured"


def _untried(way: CheaperWay, results: Results) -> str:
    """The alternative as a clause of a verdict that it might flip."""
    cost = _cost_of(way, results)
    if way.standing == "measured":
        return f"against {way.what}{cost} it does not pay off unless an unacceptable output has a cost"
    if way.standing == "same outputs":
        return f"against {way.what}{cost}, which needs no training, it does not pay off"
    return f"against {way.what}{cost} it would not pay off if the outputs were as good, which was not measured"


def _try_it(way: CheaperWay, results: Results) -> str:
    if way.standing == "measured" and not _settled(way, results):
        return "State what an unacceptable output costs (failure_cost); the choice between the two depends on it."
    if way.standing == "measured":
        return sentence(f"use {way.what}, and decide again when prices or volume change")
    return sentence(f"try {way.what} first, then run again")
