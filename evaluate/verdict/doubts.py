"""The reasons to doubt a verdict, the strongest first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...core import as_json, say
from ...curate import answers_in_train
from ..results import Assumption, Comparison, Decision, Results, VerdictFlip
from ..statistics.paired import significant
from .evidence import Evidence
from .integrity import finding_words
from .money_sentences import input_name
from .names import by_tuneworth, capital, listed, repaired, scored_name, sentence, variant_name
from .sentences import groups_of_similar

WEAK_BASELINE = 0.5
FEW_INDEPENDENT = 50
FEW_GROUPS = 20
# From this ratio of cases to independent cases, groups are a doubt of their own: a fifth of the cases is lost, and
# intervals are an eighth wider (the square root). Below it, the problem is the number of cases, not their groups.
COSTLY_GROUPS = 1.25
WIDE = 0.2
HALF, DEFECTIVE_REFERENCES = 0.5, 0.9
OFTEN_USED = 3
CLOSE_BY = 0.15  # most estimates are off by at least this much
UNSTABLE = 0.1
SHARES = ("acceptance", "cached_share")
SIGNIFICANT = 0.05
MOST_PARTS = 3  # classes or fields that are named


@dataclass(frozen=True)
class Doubt:
    """One reason for doubt: its kind, which the rest of the verdict refers to, and its text for readers."""

    kind: str
    text: str


def found_doubts(
    evidence: Evidence, decision: Decision, *, flips: Sequence[VerdictFlip] = (), about_money: bool = True
) -> list[Doubt]:
    """All doubts that apply, those that could flip the verdict before those that only weaken it; the last always applies.

    `flips` are the flip points of the verdict. Doubts about the money count only where the verdict depends on it.
    """
    case = _Case(evidence, decision, flips)
    kinds = [kind for kind in DOUBTS if about_money or kind not in ABOUT_MONEY]
    return [Doubt(kind, text) for kind in kinds if (text := DOUBTS[kind](case))]


@dataclass(frozen=True)
class _Case:
    """A verdict to doubt."""

    evidence: Evidence
    decision: Decision
    flips: Sequence[VerdictFlip]

    @property
    def results(self) -> Results:
        return self.evidence.results

    @property
    def ahead(self) -> bool:
        """Whether the candidate is better than its strongest rival."""
        return self.evidence.strongest.value > 0

    def concerns(self, name: str) -> bool:
        """Whether one of the two compared variants is this one, or made from it."""
        pair = (self.evidence.baseline, self.evidence.candidate)
        return any(name in (one, *self.results.variants[one].of) for one in pair if one in self.results.variants)

    @property
    def assumptions(self) -> Sequence[Assumption]:
        """The inputs of the money."""
        return () if self.results.money is None else self.results.money.assumptions


# --- the rules and the ways without training ------------------------------------------------------------------------


def _template(case: _Case) -> str | None:
    """The rules can be met without any model, so they may not measure what a model is for."""
    template = next((rival for rival in case.evidence.rivals if rival.name == "template"), None)
    if template is None or template.low > 0 or template.value > case.evidence.margin:
        return None  # the tuned model is better
    return (
        f"These rules can be met without any model: a template filled with the input's fields is {case.results.good} in "
        f"{say.percent(template.share)} of cases. If people would not accept its outputs, the style needs a rule that says "
        "why."
    )


def _answers_in_train(case: _Case) -> str | None:
    """Only a model that was trained on these pairs can recite their answers."""
    data = case.results.data
    if (
        case.decision == "keep prompting"
        or data is None
        or data.certificate is None
        or not data.certificate.answers_remedy
    ):
        return None
    return f"{capital(answers_in_train(as_json(data)))}: a tuned model can recite them."


def _cheaper_way(case: _Case) -> str | None:
    """An untried alternative without training may save as much as training does."""
    way = case.evidence.cheaper_way if case.decision == "fine-tune" else None
    if way is None:
        return None
    return f"Fine-tuning might not pay off against {way.what}, which needs no training; try that first."


def _slice(case: _Case) -> str | None:
    """In a part of the requests that no request shows, or that stays with it, the candidate is surely worse."""
    routing = case.results.routing
    sent = [] if routing is None else [(each.field, each.value) for each in routing.excepted]
    worse = (row for row in case.results.slices if row.worse and (row.field, row.value) not in sent)
    row = next(worse, None) if case.decision == "fine-tune" else None
    if row is None:
        return None
    return (
        f"Where {row.words} ({say.count(row.n, 'case')}), {variant_name(case.evidence.candidate)} is at "
        f"{say.percent(row.acceptable)}, {variant_name(row.rival)} at {say.percent(row.rival_acceptable)}."
    )


def _facts(case: _Case) -> str | None:
    """Another way without training is surely right about the facts more often."""
    limit = case.evidence.facts_margin or case.evidence.margin
    known = ((rival.name, rival.facts) for rival in case.evidence.rivals if rival.facts is not None)
    values = {
        name: facts.value
        for name, facts in known
        if facts.value is not None and facts.high is not None and facts.high < 0 and facts.value <= -limit
        if name not in ("template", case.evidence.baseline)
    }
    if case.decision != "fine-tune" or not values:
        return None
    name = min(values, key=lambda name: values[name])
    return (
        f"{capital(variant_name(name))} gets the facts right in {say.points(values[name])} more of the cases, "
        f"though fewer of its outputs are {case.results.good}."
    )


def _one_repaired(case: _Case) -> str | None:
    """Only the variant that the verdict is for was repaired."""
    pair = (case.evidence.baseline, case.evidence.candidate)
    other, chosen = pair[::-1] if case.decision == "keep prompting" else pair
    if not repaired(case.results, chosen) or repaired(case.results, other):
        return None
    if any("+ repair" in name for name in (chosen, *case.results.variants)):
        return None  # derived repairs are tried for both sides
    return f"Only the outputs of {variant_name(chosen)} were repaired; the same repair may help {variant_name(other)} as much."


def _refused(case: _Case) -> str | None:
    """The rules refuse half of what people wrote, so they decide by something else than what people want."""
    share = None if case.results.reference is None else case.results.reference.acceptable.share
    if share is None or share >= HALF:
        return None
    return (
        f"The rules refuse {say.percent(1 - share)} of the test set's own references, which people wrote, so they measure "
        "something else than what people accept."
    )


def _integrity(case: _Case) -> str | None:
    """Some outputs seem to answer other requests."""
    found = next((one for one in case.results.integrity if one.effect == "doubt" and case.concerns(one.variant)), None)
    return None if found is None else sentence(finding_words(found, f" of {variant_name(found.variant)}"))


def _weak_baseline(case: _Case) -> str | None:
    """A better prompted model may close the gap; this is no reason to doubt a decision to keep prompting."""
    name, share = case.evidence.baseline, case.evidence.strongest.share
    if case.decision == "keep prompting" or share >= WEAK_BASELINE or not case.ahead:
        return None
    good, a_good = case.results.good, case.results.a_good
    outputs = f"{a_good} output in only {say.percent(share)} of cases" if share else f"no {good} output at all"
    text = f"The baseline is weak: {scored_name(case.results, name)} gives {outputs}"
    if by_tuneworth(case.results, name):
        return f"{text}, and Tuneworth wrote its guide; a stronger model or the team's own guide may close the gap."
    return f"{text}; a stronger model with the same guide may close the gap."


def _foreign_guide(case: _Case) -> str | None:
    name = case.evidence.baseline
    if case.decision == "keep prompting" or not by_tuneworth(case.results, name) or not case.ahead:
        return None
    return f"Tuneworth, not the team, wrote the guide of {variant_name(name)}; a better guide may close the gap."


def _unmeasured(case: _Case) -> str | None:
    """A way without training that was not measured may be as good."""
    names = [variant_name(row.name) for row in case.evidence.unmeasured]
    if case.decision != "fine-tune" or not names:
        return None
    return f"Not every way without training was measured: {listed(names)} may do as well."


def _near_misses(case: _Case) -> str | None:
    """The rules accept wrong outputs, and the verdict rests on the share that they accept."""
    found = None if case.results.style is None else case.results.style.near_misses
    worse = case.decision == "keep prompting" and bool(case.evidence.better_rivals)
    if found is None or found.rule is None or not (case.decision == "fine-tune" or worse):
        return None
    return f"{found.sentence} {found.unseen}"


# --- the cases ------------------------------------------------------------------------------------------------------


def groups_cost(comparison: Comparison) -> bool:
    """Whether it matters that the cases come in groups, by the design effect (n / effective sample size).

    With few groups the estimate is poor, so assume the worst: a group counts as one case.
    """
    n, groups = comparison.n, comparison.groups
    if not groups or groups >= n:
        return False
    return n >= COSTLY_GROUPS * (groups if groups < FEW_GROUPS else comparison.n_effective or n)


def _few_cases(case: _Case) -> str | None:
    comparison = case.evidence.comparison
    n, groups = comparison.n, comparison.groups
    worth = comparison.n_effective or n
    if groups and groups_cost(comparison) and (groups < FEW_GROUPS or worth < FEW_INDEPENDENT):
        independent = say.count(max(1, round(worth)), "independent case")
        return (
            f"The {say.count(n)} test cases come from only {groups_of_similar(case.results)} and count as about "
            f"{independent}."
        )
    if n and worth < FEW_INDEPENDENT:
        few = (
            "" if n < FEW_INDEPENDENT else f", which count as about {say.count(max(1, round(worth)))} independent ones"
        )
        return f"The test set is small: {say.count(n, 'case')}{few}."
    return None


def _repeated(case: _Case) -> str | None:
    """A request that is in too many cases to count once: what holds for it need not hold for others."""
    requests = case.results.requests
    if requests is None or not requests.untied:
        return None
    return (
        f"{say.count(requests.untied)} of the {say.count(requests.n, 'test case')} repeat a request that is too frequent "
        f"to count once ({say.count(requests.distinct, 'distinct request')} in all); what holds for it need not hold for "
        "others."
    )


def _wide(case: _Case) -> str | None:
    low, high = case.evidence.strongest.low, case.evidence.strongest.high
    if high - low <= WIDE:
        return None
    return f"The difference is uncertain: it lies between {say.signed_points(low)} and {say.signed_points(high)}."


def _unstable(case: _Case) -> str | None:
    """Repeating a request gives a different result."""
    share = case.results.quality[case.evidence.candidate].unstable.share
    if not share or share < UNSTABLE:
        return None
    return (
        f"When repeated, {say.percent(share)} of the requests get {case.results.a_good} output only some of the time."
    )


def _references(case: _Case) -> str | None:
    share = None if case.results.reference is None else case.results.reference.acceptable.share
    if share is None or share >= DEFECTIVE_REFERENCES or share < HALF:
        return None
    return (
        f"Only {say.percent(share)} of the test set's references are acceptable, so the style schema may be stricter than "
        "the people who wrote them."
    )


def _style(case: _Case) -> str | None:
    if case.results.style is None or case.results.style.reviewed:
        return None
    return f"The style schema that decides what is {case.results.good} has not been reviewed."


def _reused(case: _Case) -> str | None:
    used = 0 if case.results.provenance is None else case.results.provenance.test_set_used or 0
    if used <= OFTEN_USED:
        return None
    return f"This test set has been used {used} times; tuning to its results makes it look better than new data."


def _sample(case: _Case) -> str:
    return "The test pairs are a sample; next year's requests may differ from them."


# --- the risks ------------------------------------------------------------------------------------------------------


def _warned(case: _Case) -> str | None:
    """A measured risk is close to its limit."""
    risk = next((risk for risk in case.results.risks if risk.status == "warn"), None)
    if case.decision != "fine-tune" or risk is None:
        return None
    return f"{capital(risk.id)} is close to its limit: {(risk.evidence or '').rstrip('.')}."


def _unchecked(case: _Case) -> str | None:
    """Some risks were not checked."""
    names = [risk.id for risk in case.results.risks if risk.status == "not checked"]
    if case.decision != "fine-tune" or not names:
        return None
    return f"{capital(listed(names, most=len(names)))} {'was' if len(names) == 1 else 'were'} not checked."


# --- the money ------------------------------------------------------------------------------------------------------


def _cached_price(case: _Case) -> str | None:
    """Tokens came from the cache at a price that is not known."""
    unknown = (line.key for line in case.assumptions if line.source == "default" and line.key.endswith(".price_cached"))
    if (key := next(unknown, None)) is None:
        return None
    return f"{capital(input_name(key, case.evidence.money))} is unknown; it counts as between 0 and the input price."


def _stated(case: _Case) -> str | None:
    keys = [line.key for line in case.assumptions if "in place of what the run measured" in (line.detail or "")]
    if not keys:
        return None
    names = listed([input_name(key, case.evidence.money) for key in keys])
    return f"The money uses stated numbers although the run measured different ones: {names}."


def _near_flip(case: _Case) -> str | None:
    """A small change of one input would give another verdict."""
    flip = nearest_flip(case.flips)
    if flip is None:
        return None
    now, then = say.count(flip.from_), say.count(flip.to)
    return f"It is a close call: with the {flip.what} at {then} instead of {now}, the verdict is “{flip.decision}”."


def nearest_flip(flips: Sequence[VerdictFlip]) -> VerdictFlip | None:
    """The nearest flip point, if one is close by; shares have doubts of their own."""
    changes = [(abs(flip.to / flip.from_ - 1), flip) for flip in flips if flip.from_ and not flip.key.endswith(SHARES)]
    near = [(change, flip) for change, flip in changes if change < CLOSE_BY]
    return min(near, key=lambda one: one[0])[1] if near else None


def _volume(case: _Case) -> str | None:
    """The volume range that Tuneworth assumes includes another verdict."""
    flips = [flip.to for flip in case.flips if flip.key == "requests_per_day"]
    for line in case.assumptions:
        if line.key == "requests_per_day" and line.range and "Tuneworth's own" in (line.detail or ""):
            low, _, high = line.range
            if any(low <= flip <= high for flip in flips):
                return (
                    f"The volume is stated as a single number; the verdict changes within the range that Tuneworth assumes "
                    f"around it ({say.count(low)} to {say.count(high)} requests a day)."
                )
    return None


def _contradicted(case: _Case) -> str | None:
    """The references say that the candidate is worse, and the rules do not see it."""
    comparison, results = case.evidence.comparison, case.results
    worse = significant(comparison.difference.low, comparison.difference.high, comparison.p_value)
    if case.decision != "fine-tune" or (worse and (comparison.difference.value or 0) < 0):
        return None
    name, other = variant_name(comparison.candidate), variant_name(comparison.baseline)
    parts = () if results.correctness is None else results.correctness.differences or ()
    lost = [part for part in parts if part.high < 0 and part.p_holm is not None and part.p_holm < SIGNIFICANT]
    if lost:
        shown = listed(
            [
                f"“{part.name}” by {say.points(-part.value)} (range {say.points(-part.high)} to {say.points(-part.low)})"
                for part in lost[:MOST_PARTS]
            ]
        )
        seen = "As many outputs are correct" if results.good == "correct" else "The rules accept as many outputs"
        return f"{seen}, but {name} is right less often than {other} in {shown}."
    if comparison.similarity is None or (results.correctness is not None and results.correctness.exact):
        return None
    found = comparison.similarity.chrf
    if found.high is None or found.high >= 0 or found.value is None or found.low is None:
        return None
    return (
        f"The rules do not see it, but the outputs of {name} are less like the references than those of {other}: chrF lower by "
        f"{say.points(-found.value)} (range {say.points(-found.high)} to {say.points(-found.low)})."
    )


# By kind: those that could flip the verdict before those that only weaken it.
DOUBTS: dict[str, Callable[[_Case], str | None]] = {
    "refused": _refused,
    "integrity": _integrity,
    "contradicted": _contradicted,
    "template": _template,
    "slice": _slice,
    "near_misses": _near_misses,
    "answers_in_train": _answers_in_train,
    "cheaper_way": _cheaper_way,
    "facts": _facts,
    "one_repaired": _one_repaired,
    "weak_baseline": _weak_baseline,
    "foreign_guide": _foreign_guide,
    "few_cases": _few_cases,
    "repeated": _repeated,
    "wide": _wide,
    "warned": _warned,
    "cached_price": _cached_price,
    "stated": _stated,
    "near_flip": _near_flip,
    "unstable": _unstable,
    "references": _references,
    "style": _style,
    "reused": _reused,
    "volume": _volume,
    "unmeasured": _unmeasured,
    "unchecked": _unchecked,
    "sample": _sample,
}
ABOUT_MONEY = ("cheaper_way", "cached_price", "stated", "near_flip", "volume")
