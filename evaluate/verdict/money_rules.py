"""The rules of the verdict about the money, 5 to 9, and their thresholds."""

from collections.abc import Callable, Sequence

from ...core import say
from ..money.simulate import weigh
from ..results import BAD, Money
from .evidence import Asks, CheaperWay, Evidence, Finding, Rival, failures_cost
from .money_sentences import chance, chance_line, cost_line, input_name, it_would_pay, thousand, when_it_pays
from .names import listed, sentence, use
from .sentences import both_shares, difference_line, others_line, token_lines

HOPELESS = 0.05  # at this chance, more test cases would not change the decision


def hopeless(evidence: Evidence) -> bool:
    """Whether it almost never pays back in time against a rival, however good the outputs: the chance includes their
    uncertainty.

    False if a failure costs nothing, since better outputs then save no money.
    """
    if _no_money(evidence) is not None or not failures_cost(evidence.money):
        return False
    return any(rival.gain is not None and rival.gain.chance <= HOPELESS for rival in evidence.money_rivals)


def _no_money(evidence: Evidence) -> Finding | None:
    """Rule 5: prices or volume are missing."""
    money = evidence.results.money
    required = "prices and requests_per_day in [roi]"
    where = "prices and requests_per_day under [roi]"
    if money is None:
        reason = "until prices and the number of requests per day are stated"
    elif money.missing:
        required, many = ", ".join(money.missing), len(money.missing)
        names = [input_name(key.removeprefix("roi."), money) for key in money.missing]
        reason = f"until {' and '.join(names) if many <= 2 else f'{many} missing numbers'} {'is' if many == 1 else 'are'} stated"
        where = listed([f"`{key}`" for key in money.missing]) if many <= 2 else f"the {many} missing numbers"
    elif money.saving_per_request is not None and chance(money, batch=evidence.batch) is not None:
        return None
    else:
        reason = f"because a variant without any {money.good} output has no cost per {money.good} output"
        required = 'failures other than "drop"'
        where = f"{required} under [roi]"
    return Finding(
        "cannot tell yet",
        f"Cannot tell yet: {both_shares(evidence.results)}; whether that pays off is unknown {reason}.",
        [
            difference_line(evidence),
            sentence(f"To compute the money, state {required}"),
            *token_lines(evidence.results),
        ],
        asks=_state(evidence, f"State {where}", "the existing outputs are reused"),
    )


def _state(evidence: Evidence, do: str, why: str, turns: str | None = None) -> Asks:
    """To state a number where this run's money is, and to decide again."""
    file, command = evidence.results.money_place
    return Asks("state", f"{do} in {file} and run `{command}`; {why}.", turns=turns)


def _cost_unset(evidence: Evidence) -> Finding | None:
    """Rule 6: the answer turns on what an unacceptable output costs, which is not stated.

    The candidate is better, but not worth its cost as long as a failure costs nothing; or it is surely a little worse
    and cheaper.
    """
    money = evidence.money
    if failures_cost(money):
        return None
    worse = next((rival for rival in evidence.rivals if rival.high < 0), None)
    if worse is not None and worse.gain is not None and worse.weight == "pays":
        # The cost of an unacceptable output at which the daily saving is spent on additional failures.
        saved = worse.gain.saving_per_request
        most = None if saved is None or worse.value >= 0 else saved / -worse.value
        limit = "almost nothing" if most is None else f"less than {say.money(most, money.currency)}"
        return _ask_cost(evidence, worse, f"that pays off only as long as an {BAD[money.good]} output costs {limit}")
    strongest, least = evidence.strongest, money.carrying_failure_cost
    if strongest.low <= 0 or strongest.weight == "pays" or least is None:
        return None
    cost = say.money(least, money.currency)
    return _ask_cost(evidence, strongest, f"that pays off if an {BAD[money.good]} output costs more than {cost}")


def _ask_cost(evidence: Evidence, rival: Rival, turns: str) -> Finding:
    bad = BAD[evidence.results.good]
    return Finding(
        "cannot tell yet",
        f"Cannot tell yet: {both_shares(evidence.results, rival.name)}; {turns}.",
        [
            difference_line(evidence, rival),
            cost_line(evidence.money),
            f"State what an {bad} output costs (failure_cost).",
        ],
        asks=_state(
            evidence,
            f"State what one {bad} output costs (`failure_cost` under [roi])",
            "the decision depends on it",
            turns,
        ),
    )


def _pays(evidence: Evidence) -> Finding | None:
    """Rule 7: it is likely enough to pay back in time against every rival that is not surely worse."""
    money, results, way = evidence.money, evidence.results, evidence.cheaper_way
    if any(rival.weight != "pays" for rival in evidence.money_rivals) or _in_the_way(way):
        return None
    reasons = [cost_line(money), _chance_line(evidence), *token_lines(results)]
    if way is not None:
        reasons.insert(2, sentence(_untried(way, money)))
    others = others_line(results, evidence.baseline)
    return Finding(
        "fine-tune",
        f"Fine-tune: {both_shares(results)}; {when_it_pays(money)}.",
        [difference_line(evidence), *others, *reasons],
    )


def _chance_line(evidence: Evidence) -> str:
    return chance_line(chance(evidence.money, batch=evidence.batch), evidence.money)


def _does_not_pay(evidence: Evidence) -> Finding | None:
    """Rule 8: against a rival that is not surely worse, it is unlikely to pay back in time or to pay at all."""
    money, results = evidence.money, evidence.results
    beaten = [rival for rival in evidence.money_rivals if rival.weight == "does not pay"]
    if not beaten:
        return None
    rival, way = beaten[0], evidence.cheaper_way
    if not rival.strongest:
        return _beaten_by(evidence, rival)
    flip = _would_pay(evidence)
    named = _named(way, money) if way is not None and _in_the_way(way) else None
    more = f"; {named or flip}" if named or flip else ""
    reasons = [difference_line(evidence), cost_line(money), _chance_line(evidence)]
    if named:
        reasons.insert(0, sentence(named))
    reasons += [sentence(flip)] if flip else others_line(results, rival.name)
    reasons += [sentence(_named(way, money))] if way is not None and named is None else []
    return Finding(
        "keep prompting",
        f"Keep prompting: {both_shares(results)}, but {when_it_pays(money)}{more}.",
        reasons,
        asks=_try(way) if way is not None and named is not None else None,
    )


def _try(way: CheaperWay) -> Asks:
    return Asks("try", sentence(f"try {way.what} first, then run again"), way=way)


def _beaten_by(evidence: Evidence, rival: Rival) -> Finding:
    """Training does not pay against a cheaper rival that is as good."""
    money, results = evidence.money, evidence.results
    likely = None if rival.gain is None else rival.gain.chance
    return Finding(
        "keep prompting",
        f"Keep prompting: {both_shares(results, rival.name)}{_cost_of(money, rival.name)}; against that, without any "
        "training, fine-tuning does not pay off.",
        [difference_line(evidence, rival), *others_line(results, rival.name), chance_line(likely, money)],
        asks=Asks(
            "act", sentence(f"{use(rival.name)}, and decide again when prices or volume change"), rival=rival.name
        ),
    )


def _in_between(evidence: Evidence) -> Finding:
    """Rule 9: the chance is neither high nor low, or an untried alternative may do the same for less."""
    money, way = evidence.money, evidence.cheaper_way
    open_rivals = [rival for rival in evidence.money_rivals if rival.weight != "pays"]
    costs, asks = [cost_line(money), _chance_line(evidence)], None
    reasons: Sequence[str] = [difference_line(evidence), *reversed(costs)]
    if not open_rivals and way is not None and _in_the_way(way):
        open_point = f"but {_untried(way, money)}"
        reasons = [sentence(_untried(way, money)), difference_line(evidence), *costs]
        asks = _try(way)
    elif open_rivals and not open_rivals[0].strongest:
        rival = open_rivals[0]
        likely = "unknown" if rival.gain is None else say.chance(rival.gain.chance)
        open_point = f"but against {rival.label}{_cost_of(money, rival.name)} the chance of that is {likely}"
        reasons = [difference_line(evidence, rival), *reasons]
    elif money.tornado:
        widest = money.tornado[0]
        name, ends = input_name(widest.key, money), say.money_range(widest.npv_low, widest.npv_high, money.currency)
        open_point = f"and that depends most on {name}"
        do, turns = f"Narrow down {name}, state it under [roi]", f"over its range the total is {ends}"
        asks = _state(evidence, do, "the existing outputs are reused", turns)
    else:
        open_point = "and the ranges are too wide"
    return Finding(
        "cannot tell yet",
        f"Cannot tell yet: {both_shares(evidence.results)}; {when_it_pays(money)}, {open_point}.",
        reasons,
        asks=asks,
    )


MONEY_RULES: tuple[Callable[[Evidence], Finding | None], ...] = (
    _no_money, _cost_unset, _pays, _does_not_pay, _in_between
)  # fmt: skip


def _would_pay(evidence: Evidence) -> str | None:
    """The first input whose change alone would make it pay off."""
    for flip in evidence.money.flips:
        clause, beyond = it_would_pay(flip.key, flip.to, evidence.money), flip.beyond
        if clause and beyond is not None:
            likely = beyond.probability_npv_positive if evidence.batch else beyond.probability_of_payback_in_target
            if likely is not None and weigh(likely, beyond.npv_p50) == "pays":
                return clause
    return None


def _in_the_way(way: CheaperWay | None) -> bool:
    """Whether an alternative rules out `fine-tune`: its outputs are known, and tuning does not pay off against it.

    An alternative whose outputs were not scored (a shorter guide) rules out nothing.
    """
    return way is not None and way.standing != "assumed"


def _cost_of(money: Money, name: str) -> str:
    """The cost of a variant in brackets, to append; empty if it is unknown."""
    return _in_brackets(money.variants[name].effective_cost_per_request if name in money.variants else None, money)


def _in_brackets(cost: float | None, money: Money) -> str:
    return "" if cost is None else f" ({say.money(1000 * cost, money.currency)} per {thousand(money)})"


def _named(way: CheaperWay, money: Money) -> str:
    """The alternative as a clause of a verdict that keeps prompting."""
    cost = _in_brackets(way.cost, money)
    if way.standing == "same outputs":
        return f"{way.what} gives the same outputs without any training{cost}"
    return f"{way.what} may be good enough without any training{cost}, but its outputs were not measured"


def _untried(way: CheaperWay, money: Money) -> str:
    """The alternative as a clause of a verdict that it might flip."""
    cost = _in_brackets(way.cost, money)
    if way.standing == "same outputs":
        return f"against {way.what}{cost}, which needs no training, it does not pay off"
    return f"against {way.what}{cost} it would not pay off if the outputs were as good, which was not measured"
