"""The clauses and sentences of a verdict about outputs: shares, differences, cases, tokens."""

from ...core import decimals_beside, say
from ...style import Basis, decided_by
from ..results import NeededCases, Results, Routing
from ..statistics.paired import significant
from .evidence import Evidence, Rival
from .names import by_tuneworth, compared, listed, scored_name, sentence, variant_name

# Causes that are the model's own, as against a fault of the comparison; named from a tenth of the outputs on.
HABITS = {
    "endless": "do not end before the token limit",
    "empty": "are empty",
    "refused": "are refusals",
    "same text": "are the same text",
}
TELLING = 0.1


def both_shares(results: Results, rival: str | None = None) -> str:
    """The shares of the candidate and of a rival, by default the strongest; a guide that Tuneworth wrote is named."""
    baseline, candidate = compared(results)
    baseline = rival or baseline
    shares = results.share_of(candidate), results.share_of(baseline)
    decimals = decimals_beside(*shares)
    ours, theirs = (say.percent(share, decimals) for share in shares)
    name = scored_name(results, baseline)
    if by_tuneworth(results, baseline):
        name += " with a guide that Tuneworth wrote"
    return (
        f"{scored_name(results, candidate)} gives {results.a_good} output in {ours} of cases{_habit(results, candidate)}, "
        f"{name} {'also ' if ours == theirs else ''}in {theirs}{_habit(results, baseline)}"
    )


def rests_on(results: Results) -> list[Basis]:
    """What decides whether an output counts; empty if the style is not known."""
    found = [] if results.style is None else decided_by(results.style.checks.values())
    return [basis for basis in found if basis == "rules" or results.correctness is not None]


def basis_line(results: Results) -> str:
    """What the shares rest on, and how often outputs are right where other rules count too; empty if that is not known."""
    basis, style, found = rests_on(results), results.style, results.correctness
    if not basis or style is None:
        return ""
    musts = [(name, rule.about == "correctness") for name, rule in style.checks.items() if rule.level == "must"]
    count = sum(not compares for _, compares in musts)
    if found is None:
        every = "the must rule" if count == 1 else f"all {say.count(count, 'must rule')}"
        return f"This rests on rules: an acceptable output keeps {every}."
    compared_by = ", ".join(f"`{name}`" for name, compares in musts if compares)
    wording = all(rule.kind == "similar" for rule in style.checks.values() if rule.about == "correctness")
    agrees = "is similar to" if wording else "agrees with"
    line = (
        f"This rests on {' and '.join(reversed(basis))}: {results.a_good} output {agrees} its reference ({compared_by})"
    )
    rest = f"the other {'must rule' if count == 1 else say.count(count, 'must rule')}"
    if results.good == "correct":
        return f"{line}; {rest} changed nothing." if count else f"{line}."
    line += f" and keeps {rest}." if count else "."
    if found.without_reference:
        judged = "are judged by those alone" if count else "count as acceptable"
        line += f" Outputs for {say.count(found.without_reference, 'request')} without a reference {judged}."
    pair = () if results.comparison is None else compared(results)
    shares = [(name, results.quality[name].correct) for name in pair or results.quality]
    known = {name: one.share for name, one in shares if one and one.share is not None}
    decimals = decimals_beside(*known.values()) if len(known) == 2 else 0
    said = listed([f"{variant_name(name)} {say.percent(share, decimals)}" for name, share in known.items()])
    return f"{line} Correct, by the references alone: {said}." if known and not wording else line


def _habit(results: Results, name: str) -> str:
    """What a tenth or more of a variant's outputs are instead of answers, the most frequent alone, in brackets."""
    entries = results.quality[name].causes
    found = [entry for entry in entries if entry.cause in HABITS and entry.count >= TELLING * entry.of]
    if not found:
        return ""
    entry = max(found, key=lambda entry: entry.count)
    return f" ({say.percent(entry.count / entry.of)} of its outputs {HABITS[entry.cause]})"


def as_it_stands(results: Results) -> str:
    """Both shares as a sentence."""
    return sentence(f"as measured, {both_shares(results)}")


def others_line(results: Results, named: str) -> list[str]:
    """The other measured rivals with their shares, as one sentence; none if there is no other."""
    rows = [row for row in results.rivals if row.measured and row.name != named]
    shares = {row.name: share for row in rows if row.acceptable and (share := row.acceptable.share) is not None}
    if not shares:
        return []
    order = sorted(shares, key=lambda name: (-shares[name], name))
    shown = [f"{variant_name(name)} {say.percent(shares[name])}" for name in order]
    return [sentence(f"other ways without training: {listed(shown)}")]


def lost_facts(evidence: Evidence) -> str | None:
    """The clause that the candidate is surely less often right about the facts than the strongest rival; None if not."""
    results, names = evidence.results, (evidence.candidate, evidence.baseline)
    facts = evidence.strongest.facts
    if facts is None or facts.value is None or facts.high is None:
        return None
    if facts.high >= 0 or facts.value > -evidence.facts_margin + 1e-9:
        return None
    shares = [results.quality[name].faithful.share for name in names]
    if None in shares:
        return None
    ours, theirs = (say.percent(share) for share in shares)
    candidate, baseline = (scored_name(results, name) for name in names)
    return f"{candidate} gets the facts right in {ours} of cases, {baseline} in {theirs}, and no gain in form makes up for that"


def missing_cases(needed: NeededCases, n: int, groups: int | None, *, unseen: bool = False) -> str:
    """The cases to add, in groups where groups are what is missing."""
    more = max(needed.cases - n, 1)
    what = "unseen case" if unseen else "more case"
    cases = f"{'about ' if more >= 10 else ''}{say.count(more, what)}"
    if groups and needed.groups:
        return f"{cases} from {say.count(max(needed.groups - groups, 1), 'other group')}"
    return cases


def gap_clause(results: Results, rival: Rival | None = None) -> str:
    """How much better or worse the candidate is than a rival, by default its strongest one."""
    gap = results.compared.difference.value if rival is None else rival.value
    if gap is not None and round(gap, 4) == 0:
        return "both are equally good"
    size = say.points(gap, gap_decimals(results, None if rival is None else rival.name))
    return f"{variant_name(results.compared.candidate)} is {size} {'better' if (gap or 0.0) > 0 else 'worse'}"


def gap_decimals(results: Results, rival: str | None = None) -> int:
    """The decimals of the candidate's share, of a rival's, by default the strongest one's, and of their difference."""
    baseline, candidate = compared(results)
    return decimals_beside(results.share_of(candidate), results.share_of(rival or baseline))


def outputs_clause(evidence: Evidence) -> str:
    """How the candidate's outputs compare to those of the strongest rival; significant only by both interval and test."""
    rival = evidence.strongest
    gap = say.points(rival.value, gap_decimals(evidence.results))
    if rival.low > 0 and not significant(rival.low, rival.high, evidence.comparison.p_value):
        return f"the gap is {gap}"
    if rival.low > 0:
        return f"the gap of {gap} is statistically significant"
    return "the outputs are no worse" if rival.low == 0 else f"the outputs are at most {say.points(rival.low)} worse"


def difference_line(evidence: Evidence, rival: Rival | None = None) -> str:
    """How much better or worse the candidate is, with its interval: than its strongest rival, or than this one."""
    rival, n = rival or evidence.strongest, evidence.comparison.n
    than = "" if rival.strongest else f" than {rival.label}"
    on = f" on {say.count(n, 'case')}" if n else ""
    return sentence(
        f"{gap_clause(evidence.results, rival)}{than}{on} (range {say.points_range(rival.low, rival.high)})"
    )


def discordant_clause(results: Results) -> str:
    """How many cases only one of the two is acceptable in; with repeats, which one is acceptable more often."""
    comparison, (baseline, candidate) = results.compared, compared(results)
    won, lost = say.count(comparison.only_candidate, "case"), f"{comparison.only_baseline:.0f}"
    if any(results.quality[name].samples > 1 for name in (baseline, candidate) if name in results.quality):
        return f"{variant_name(candidate)} is {results.good} more often in {won}, {variant_name(baseline)} in {lost}"
    return f"only {variant_name(candidate)} is {results.good} in {won}, only {variant_name(baseline)} in {lost}"


def groups_line(results: Results) -> str:
    """The effective number of cases if they come in groups; otherwise the discordant counts."""
    comparison = results.compared
    if not comparison.groups or not comparison.n_effective or comparison.n == 1:
        return sentence(discordant_clause(results))
    worth = max(1, round(comparison.n_effective))
    return (
        f"The {say.count(comparison.n, 'case')} come from {groups_of_similar(results)}, so they count as about "
        f"{say.count(worth, 'independent case')}."
    )


def groups_of_similar(results: Results) -> str:
    """27 as "27 groups of similar cases", or "27 distinct requests" where only equal requests are groups."""
    groups = results.compared.groups
    if results.requests is not None and results.requests.distinct == groups:
        return say.count(groups, "distinct request")
    return f"{say.count(groups, 'group')} of similar cases"


def token_lines(results: Results) -> list[str]:
    """The prompt tokens of both, if both are known."""
    totals = []
    for name in reversed(compared(results)):
        tokens = results.tokens.get(name)
        if tokens is None or tokens.fixed is None or tokens.input is None:
            return []
        totals.append(tokens.fixed + tokens.input)
    return [f"A request uses {say.count(round(totals[0]))} prompt tokens instead of {say.count(round(totals[1]))}."]


def routing_line(results: Results, routing: Routing) -> str:
    """What sending the excepted requests to a rival gives: quality, and the cost of a request."""
    rival, gained, over = variant_name(routing.rival), routing.gained.value or 0.0, routing.over_rival.value or 0.0
    costs = {} if results.money is None else results.money.variants
    pair = [costs[name].cost_per_request for name in (routing.rival, compared(results)[1]) if name in costs]
    line = (
        f"Sending these {say.percent(routing.share_of_requests)} of the requests to {rival} gives "
        f"{say.percent(routing.acceptable.share)} {results.good} outputs: {say.signed_points(gained)} over "
        f"{variant_name(compared(results)[1])} alone and "
        f"{say.signed_points(over)} over {rival} alone, on the cases that the exception was found on"
    )
    if len(pair) == 2 and None not in pair and results.money is not None:
        share = routing.share_of_requests
        cost = share * (pair[0] or 0.0) + (1 - share) * (pair[1] or 0.0)
        line += f"; a request then costs {say.money(cost, results.money.currency)} before failures"
    return f"{line}."
