"""The rules of the verdict about the money, 5 to 9, and their thresholds."""

from collections.abc import Mapping
from typing import Any

from ...core import say
from ..money.flips import Weight, weigh
from .rivals import (
    CheaperWay,
    Rival,
    cheaper_way,
    failures_cost,
    measured_rivals,
    money_rivals,
    strongest_first,
    weight,
)  # fmt: skip
from .sentences import (
    both_shares,
    chance,
    chance_line,
    cost_line,
    difference_line,
    input_name,
    it_would_pay,
    listed,
    others_line,
    sentence,
    thousand,
    token_lines,
    use,
    when_it_pays,
)
from .step import Asks

__all__ = ["HOPELESS", "hopeless"]

HOPELESS = 0.05  # at this chance, more test cases would not change the decision
Results = Mapping[str, Any]
Found = dict[str, Any]


def hopeless(results: Results) -> bool:
    """Whether it almost never pays back in time against a rival, however good the outputs: the chance includes their
    uncertainty.

    False if a failure costs nothing, since better outputs then save no money.
    """
    money = results.get("money")
    if money is None or no_money(results, 0.0) is not None or not failures_cost(money):
        return False
    return any(rival.money is not None and chance(rival.money) <= HOPELESS for rival in money_rivals(results))


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
        "asks": Asks(
            "state", f"State {where} in tuneworth.toml and run `tuneworth roi`; the existing outputs are reused."
        ),
    }


def cost_unset(results: Results, margin: float) -> Found | None:
    """Rule 6: the answer turns on what an unacceptable output costs, which is not stated.

    The candidate is better, but not worth its cost as long as a failure costs nothing; or it is surely a little worse
    and cheaper.
    """
    money = results["money"]
    if failures_cost(money):
        return None
    worse = next((rival for rival in measured_rivals(results) if rival.high < 0), None)
    if worse is not None and weight(worse) == "pays":
        most = _most_failure_cost(worse, money)
        turns = "that pays off only as long as an unacceptable output costs " + (
            "almost nothing" if most is None else f"less than {say.money(most, money['currency'])}"
        )
        return _ask_cost(results, worse, turns)
    strongest = strongest_first(results)
    least = money.get("carrying_failure_cost")
    if strongest.low <= 0 or weight(strongest) == "pays" or least is None:
        return None
    cost = say.money(least, money["currency"])
    return _ask_cost(results, strongest, f"that pays off if an unacceptable output costs more than {cost}")


def _ask_cost(results: Results, rival: Rival, turns: str) -> Found:
    return {
        "decision": "cannot tell yet",
        "sentence": f"Cannot tell yet: {both_shares(results, rival.name)}; {turns}.",
        "reasons": [
            difference_line(results, rival),
            cost_line(results["money"]),
            "State what an unacceptable output costs (failure_cost).",
        ],
        "asks": Asks(
            "state",
            "State what one unacceptable output costs (`failure_cost` under [roi] in tuneworth.toml) and run "
            "`tuneworth roi`; the decision depends on it.",
            turns,
        ),
    }


def _most_failure_cost(rival: Rival, money: Results) -> float | None:
    """The cost of an unacceptable output at which the daily saving is spent on additional failures."""
    saved = (rival.money or {}).get("saving_per_request")
    return None if saved is None or rival.value >= 0 else saved / -rival.value


def pays(results: Results, margin: float) -> Found | None:
    """Rule 7: it is likely enough to pay back in time against every rival that is not surely worse."""
    money, rivals = results["money"], money_rivals(results)
    if any(weight(rival) != "pays" for rival in rivals) or _in_the_way(results, margin) is not None:
        return None
    reasons = [difference_line(results), cost_line(money), chance_line(money), *token_lines(results)]
    way = cheaper_way(results, margin)
    if way is not None:
        reasons.insert(3, sentence(_untried(way, results)))
    named = strongest_first(results).name
    return {
        "decision": "fine-tune",
        "sentence": f"Fine-tune: {both_shares(results)}; {when_it_pays(money)}.",
        "reasons": [reasons[0], *others_line(results, named), *reasons[1:]],
    }


def does_not_pay(results: Results, margin: float) -> Found | None:
    """Rule 8: against a rival that is not surely worse, it is unlikely to pay back in time or to pay at all."""
    money = results["money"]
    beaten = [rival for rival in money_rivals(results) if weight(rival) == "does not pay"]
    if not beaten:
        return None
    rival, way = beaten[0], cheaper_way(results, margin)
    if not rival.strongest:
        return _beaten_by(results, rival)
    flip = _would_pay(money)
    named = None if way is None or way.standing == "assumed" else _named(way, results)
    more = f"; {named or flip}" if named or flip else ""
    reasons = [difference_line(results), cost_line(money), chance_line(money)]
    if named:
        reasons.insert(0, sentence(named))
    reasons += [sentence(flip)] if flip else others_line(results, rival.name)
    reasons += [sentence(_named(way, results))] if way is not None and named is None else []
    verdict = {
        "decision": "keep prompting",
        "sentence": f"Keep prompting: {both_shares(results)}, but {when_it_pays(money)}{more}.",
        "reasons": reasons,
    }
    return (
        verdict
        if named is None or way is None
        else verdict | {"asks": Asks("try", sentence(f"try {way.what} first, then run again"), way)}
    )


def _beaten_by(results: Results, rival: Rival) -> Found:
    """Training does not pay against a cheaper rival that is as good."""
    cost = _cost_of(results["money"], rival.name)
    return {
        "decision": "keep prompting",
        "sentence": (
            f"Keep prompting: {both_shares(results, rival.name)}{cost}; against that, without any training, fine-tuning "
            "does not pay off."
        ),
        "reasons": [
            difference_line(results, rival),
            *others_line(results, rival.name),
            chance_line(rival.money or results["money"], results["money"]),
        ],
        "asks": Asks("act", sentence(f"{use(rival.name)}, and decide again when prices or volume change"), rival.name),
    }


def in_between(results: Results, margin: float) -> Found | None:
    """Rule 9: the chance is neither high nor low, or an untried alternative may do the same for less."""
    money, way = results["money"], _in_the_way(results, margin)
    open_rivals = [rival for rival in money_rivals(results) if weight(rival) != "pays"]
    if not open_rivals and way is not None:
        open_point = f"but {_untried(way, results)}"
        reasons = [sentence(_untried(way, results)), difference_line(results), cost_line(money), chance_line(money)]
        extra = {"asks": Asks("try", sentence(f"try {way.what} first, then run again"), way)}
    elif open_rivals and not open_rivals[0].strongest:
        rival = open_rivals[0]
        against = f"against {rival.label}{_cost_of(money, rival.name)}"
        likely = "unknown" if rival.money is None else say.chance(chance(rival.money))
        open_point = f"but {against} the chance of that is {likely}"
        reasons = [difference_line(results, rival), difference_line(results), chance_line(money), cost_line(money)]
        extra = {}
    else:
        widest = money["tornado"][0]["key"] if money.get("tornado") else None
        open_point = (
            f"and that depends most on {input_name(widest, money)}" if widest else "and the ranges are too wide"
        )
        reasons, extra = [difference_line(results), chance_line(money), cost_line(money)], {}
        if widest:
            do = f"Narrow down {input_name(widest, money)}, state it under [roi] in tuneworth.toml and run "
            extra["asks"] = Asks("state", f"{do}`tuneworth roi`; the existing outputs are reused.", _swing(money))
    return {
        "decision": "cannot tell yet",
        "sentence": f"Cannot tell yet: {both_shares(results)}; {when_it_pays(money)}, {open_point}.",
        "reasons": reasons,
    } | extra


def _swing(money: Results) -> str:
    """The value over the horizon at both ends of the range of the input that moves it most, as a clause."""
    widest, currency = money["tornado"][0], money["currency"]
    return f"over its range the total is {say.money_range(widest['npv_low'], widest['npv_high'], currency)}"


def _would_pay(money: Results) -> str | None:
    """The first input whose change alone would make it pay off."""
    for flip in money.get("flips") or []:
        clause = it_would_pay(flip["key"], flip["to"], money)
        if clause and _weight(moved_money(money, flip["beyond"])) == "pays":
            return clause
    return None


def moved_money(money: Results, beyond: Results | None) -> Results:
    """The money with the figures beyond a flip point."""
    carrying = {"carrying_failure_cost": None} if beyond and "failure_cost" in beyond else {}
    return {**money, **carrying, **(beyond or {})}


def _weight(money: Results) -> Weight:
    return weigh(chance(money), money["npv_p50"])


def _in_the_way(results: Results, margin: float) -> CheaperWay | None:
    """An alternative that rules out `fine-tune`: its outputs are known, and tuning does not pay off against it.

    An alternative whose outputs were not scored (a shorter guide) rules out nothing.
    """
    way = cheaper_way(results, margin)
    return None if way is None or way.standing == "assumed" else way


def _cost_of(money: Results, name: str) -> str:
    """The cost of a variant in brackets, to append; empty if it is unknown."""
    cost = (money["variants"].get(name) or {}).get("effective_cost_per_request")
    return _in_brackets(cost, money)


def _in_brackets(cost: float | None, money: Results) -> str:
    return "" if cost is None else f" ({say.money(1000 * cost, money['currency'])} per {thousand(money)})"


def _named(way: CheaperWay, results: Results) -> str:
    """The alternative as a clause of a verdict that keeps prompting."""
    cost = _in_brackets(way.cost, results["money"])
    if way.standing == "same outputs":
        return f"{way.what} gives the same outputs without any training{cost}"
    return f"{way.what} may be good enough without any training{cost}, but its outputs were not measured"


def _untried(way: CheaperWay, results: Results) -> str:
    """The alternative as a clause of a verdict that it might flip."""
    cost = _in_brackets(way.cost, results["money"])
    if way.standing == "same outputs":
        return f"against {way.what}{cost}, which needs no training, it does not pay off"
    return f"against {way.what}{cost} it would not pay off if the outputs were as good, which was not measured"
