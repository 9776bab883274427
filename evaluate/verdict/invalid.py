"""What makes data or comparison invalid, with the remedy for each: the verdict's first rule."""

import json
from collections.abc import Sequence

from ...core import Row, quote, row_text, say
from ...curate import Obstacle, leaks, rule_faults
from ..results import Agreement, Cause, Quality, Raters, Results
from .evidence import Fault, same_model
from .integrity import integrity_faults, integrity_lines
from .names import compared, listed, scored_name, variant_name
from .sentences import HABITS, TELLING

ORDER = ("data", "rules", "comparison", "training")
MOST_RECITED = 0.02  # of the test requests; the certificate asks for a remedy from the same share on
WEAK = 0.5  # a guide below this share that gains nothing over no guide is not the team's best prompt
AGAIN = "then run again"
# Judgements of people count from this many on, in this many requests or groups: an interval from fewer is unreliable.
FEWEST_JUDGED, FEWEST_REQUESTS = 50, 20
SLIGHT = 0.2  # agreement up to this kappa is slight (Landis and Koch 1977, Biometrics 33, 159)
MOST_AFFECTED = 0.02  # of a variant's outputs may be unscored, missing or cut
WHOLE = 1 - MOST_AFFECTED


def found_invalid(results: Results) -> list[Fault]:
    """The problems that the caller found (`validity`), and those that the results show, with their remedies.

    These are leakage, rules that accept every output or answers to other requests, answers that were recited, outputs
    that are missing, cut, unscored, not a variant's own or answers to other requests, people who judge otherwise than the
    rules, a guide that is empty, cut off or without effect, different settings, and no acceptable output at all. Invalid
    data come first, as they make the comparison invalid too, and a training that failed comes last.
    """
    faults = [Fault(problem.what, problem.text) for problem in results.validity]
    if not any(fault.what == "data" for fault in faults):
        faults += _foreseen(leaks(None if results.data is None else results.data.certificate))
    faults += _foreseen(rule_faults(results.style))
    for check in (_recited, _causes, unlike_people, _guide, _settings, _nothing):
        faults += check(results)
    return sorted(faults, key=lambda fault: ORDER.index(fault.what))


# --- rules and data ---------------------------------------------------------------------------------------------


def _foreseen(obstacles: Sequence[Obstacle]) -> list[Fault]:
    """The faults that were known before there was an output."""
    return [Fault("rules" if found.what == "rules" else "data", found.text, found.remedy) for found in obstacles]


def _recited(results: Results) -> list[Fault]:
    """The candidate gives answers of the training word for word, which are also the references of these requests."""
    risk = next((risk for risk in results.risks if risk.id == "memorisation"), None)
    certificate = None if results.data is None else results.data.certificate
    if risk is None or certificate is None or not certificate.answers_remedy:
        return []
    recited, n = risk.recited or 0, risk.n or 0
    if recited <= MOST_RECITED * n:
        return []
    text = (
        f"{say.count(recited)} of {say.count(n)} outputs of {variant_name(compared(results)[1])} are training answers word "
        "for word, which also answer these test requests, so the test cannot tell reciting from answering"
    )
    return [Fault("data", text, f"{certificate.answers_remedy.rstrip('.')}; then train and compare again")]


def unlike_people(results: Results) -> list[Fault]:
    """The rules surely agree with people less than one person does with the others; with one person, hardly at all.

    Outputs judged by themselves are decisive if there are enough, else preferences.
    """
    rules = None if results.judgements is None else results.judgements.rules
    bases = () if rules is None else (rules.acceptable, rules.preferences)
    found = next((basis for basis in bases if basis is not None and _enough(basis)), None)
    if found is None:
        return []
    text = "the rules do not measure what people want, as they agree with people"
    raters, kappa = found.raters, found.kappa
    if raters is not None and _enough(raters):
        unlike = raters.difference.high is not None and raters.difference.high < 0
        rules, person = (say.coefficient(one.kappa.value) for one in (raters.rules, raters.one_person))
        apart = say.coefficient_range(raters.difference.low, raters.difference.high)
        text += (
            f" less than one person does with the others, with a kappa of {rules} against {person} (difference {apart})"
        )
    else:
        unlike = kappa.high is not None and kappa.high < SLIGHT
        value = row_text(Row("kappa", "", kappa.value, "coefficient", kappa.low, kappa.high))
        text += f" little more than chance would, with a kappa of {value}"
    remedy = (
        "change the rules until they accept what people accept (`judgements.rules` in results.json lists outputs on which "
        "they differ), then run `tuneworth evaluate` and judge again"
    )
    return [Fault("comparison", text, remedy)] if unlike else []


def _enough(found: Agreement | Raters) -> bool:
    return found.n >= FEWEST_JUDGED and found.groups >= FEWEST_REQUESTS


# --- guide and settings -----------------------------------------------------------------------------------------


def _guide(results: Results) -> list[Fault]:
    """A guide is empty or cut off, or has no effect: prompted not above plain and under half acceptable.

    Only a comparison with the same model without the guide shows its effect. Where another way without training is the
    strongest, and good, the comparison does not depend on this guide.
    """
    strongest, guided = results.compared.baseline, results.guide_comparison
    of = _roots(results, strongest)
    baseline = of[0] if guided is None else guided.candidate
    if baseline not in (strongest, *of) and (results.share_of(strongest) or 0.0) >= WEAK:
        return []
    variant, name = results.variants.get(baseline), variant_name(baseline)
    guide = None if variant is None else variant.guide
    if guide and variant is not None and variant.guide_tokens == 0:
        return [Fault("comparison", f"the guide of {name} is empty", f"give {name} its guide, {AGAIN}")]
    if variant is not None and variant.guide_cut:
        text = f"the guide of {name} was cut off, so the model did not see all of it"
        return [Fault("comparison", text, f"shorten the guide or use a model with a longer context, {AGAIN}")]
    if not (guide or baseline == "prompted") or baseline == "plain" or not same_model(results, baseline, "plain"):
        return []
    with_guide, without = results.share_of(baseline), results.share_of("plain")
    if with_guide is None or without is None or with_guide > without or with_guide >= WEAK:
        return []
    text = (
        f"the guide has no effect, as {scored_name(results, baseline)} gives {results.a_good} output in "
        f"{say.percent(with_guide)} of cases with it and in {say.percent(without)} without it"
    )
    return [Fault("comparison", text, f"improve the guide or use a model that can follow it, {AGAIN}")]


def _settings(results: Results) -> list[Fault]:
    """The user's settings differ; settings that an endpoint refused (`refused_settings`) do not count."""
    variants = [results.variants[name] for name in compared(results) if name in results.variants]
    refused = {key for variant in variants for key in variant.refused_settings}
    first, second = [*(variant.settings or {} for variant in variants), {}, {}][:2]
    differ = [key for key in first if key in second and first[key] != second[key] and key not in refused]
    if not differ:
        return []
    values = listed([f"{key} {first[key]} and {second[key]}" for key in differ])
    remedy = f"give both variants the same {listed(differ)}, {AGAIN}"
    return [Fault("comparison", f"the two variants ran with different settings: {values}", remedy)]


def _nothing(results: Results) -> list[Fault]:
    """No output is acceptable: the style is more likely to blame than the variants."""
    if any(results.share_of(name) != 0 for name in compared(results)):
        return []
    names = " and ".join(variant_name(name) for name in compared(results))
    text = f"no output of {names} is {results.good}, so the style schema may be too strict"
    return [Fault("comparison", text, f"fix or drop the rules that nearly every output breaks, {AGAIN}")]


# --- outputs that are no answers --------------------------------------------------------------------------------


def cause_words(found: Cause, whose: str = "") -> str:
    """An entry of `quality[NAME].causes` as a clause; `whose` follows "outputs", such as " of the tuned model"."""
    count, of, other = found.count, say.count(found.of), variant_name(found.variant or "")
    limit = f" of {say.count(found.limit)} tokens" if found.limit else ""
    counted = f"{say.count(count)} of {of} outputs{whose}"
    was, is_ = ("was", "is") if count == 1 else ("were", "are")
    return {
        "missing": f"{counted} {is_} missing",
        "failed": f"{counted} never arrived, as the call failed",
        "cut": f"{counted} {was} cut at the token limit{limit} before {'it was' if count == 1 else 'they were'} "
        "as long as an answer can be",
        "empty": f"{counted} {is_} empty",
        "refused": f"{counted} {'is a refusal' if count == 1 else 'are refusals'}",
        "endless": f"{counted} {'does' if count == 1 else 'do'} not end before the token limit{limit}, which "
        "leaves room for every reference",
        "same text": f"{counted} are the same text",
        "identical": f"the outputs{whose} are those of {other}, all {of} word for word",
        "references": f"the outputs{whose} are the reference answers, all {of} word for word",
        "shown": f"the prompt{whose} contains {say.count(count)} of the {of} test requests",
    }[found.cause]


def cause_lines(results: Results) -> list[str]:
    """What the two compared variants did instead of answering, as clauses: where it is a tenth of their outputs or more; and
    what else their outputs are."""
    habits = [
        cause_words(found, f" of {variant_name(name)}")
        for name in compared(results)
        for found in results.quality[name].causes
        if found.cause in HABITS and tells(found)
    ]
    return [*habits, *integrity_lines(results, _all_roots(results))]


def tells(found: Cause) -> bool:
    """Whether a cause is worth a line of its own: any that is no habit of the model, and a habit in a tenth of the outputs."""
    return found.cause not in HABITS or found.count >= TELLING * found.of


def _causes(results: Results) -> list[Fault]:
    """One problem per cause that makes the comparison invalid, the largest first."""
    baseline, candidate = compared(results)
    found = [each for name in (candidate, baseline) for each in _incomplete(results, name)]
    faults = [fault for _, fault in sorted(found, key=lambda each: -each[0])]
    faults += integrity_faults(results, _all_roots(results))
    for name in _all_roots(results):
        tuned = name in _roots(results, candidate)
        for cause in results.quality[name].causes if name in results.quality else ():
            fault = _foreign(results, name, cause, tuned=tuned)
            faults += [fault] if fault else []
    return faults


def _all_roots(results: Results) -> list[str]:
    """The variants that the two compared ones come from, those of the candidate first."""
    baseline, candidate = compared(results)
    return list(dict.fromkeys((*_roots(results, candidate), *_roots(results, baseline))))


def _roots(results: Results, name: str) -> Sequence[str]:
    """The variants that a variant's outputs come from: itself, or those that it is derived from."""
    return (results.variants[name].of if name in results.variants else ()) or (name,)


def _incomplete(results: Results, name: str) -> list[tuple[float, Fault]]:
    """The problems of a variant with too many outputs that are unscored, missing or cut, each with its share.

    A pair that is unscored for one variant is dropped from all, so the pairs that were wanted are those of the variant
    with the most of them, and the rest.
    """
    quality = results.quality[name]
    total = quality.n + max(scored.unscored for scored in results.quality.values())
    lost = quality.unscored / total if total else 0.0
    causes = {found.cause: found for found in quality.causes if found.cause in ("missing", "cut")}
    if lost + sum(found.count / found.of for found in causes.values()) <= MOST_AFFECTED + 1e-9:
        return []
    faults, whose = [], f" of {variant_name(name)}"
    if quality.unscored:
        counted = f"{say.count(quality.unscored)} of {say.count(total)} outputs{whose}"
        text = f"{counted} could not be scored; the limit is 2%"
        faults.append((lost, Fault("comparison", text, _unscored(quality))))
    collected = _collected(results, name)
    for cause, found in sorted(causes.items(), reverse=True):  # missing, cut
        remedy = _cut(found, collected=collected) if cause == "cut" else _missing(name, found)
        fault = Fault("comparison", cause_words(found, whose), remedy, cut=name if cause == "cut" else None)
        faults.append((found.count / found.of, fault))
    return faults


def _unscored(quality: Quality) -> str:
    failed = next((found.ids for found in quality.causes if found.cause == "failed"), ())
    named = f", starting with {listed(failed)}" if failed else ""
    return f"supply the outputs that are missing or could not be scored{named}, then run again"


def _missing(name: str, found: Cause) -> str:
    others = f" and {say.count(found.count - len(found.ids))} more" if found.count > len(found.ids) else ""
    select = f"select(.variant == {json.dumps(name, ensure_ascii=False)} and .output == null).id"
    return (
        f"collect the rest ({', '.join(found.ids)}{others}; `jq -r {quote(select)} evaluate/outputs.jsonl` in the "
        "run's folder lists them all), then run again"
    )


def _cut(found: Cause, *, collected: bool) -> str:
    to = f" to {say.count(found.enough)} or more" if found.enough else ""
    if collected:
        return f"collect the outputs that were cut again with the token limit of the calls raised{to}, then run again"
    return f"raise `max_new_tokens` under [evaluate]{to}, then run `tuneworth evaluate` again"


def _collected(results: Results, name: str) -> bool:
    return name in results.variants and results.variants[name].source == "outputs"


def _foreign(results: Results, name: str, found: Cause, *, tuned: bool) -> Fault | None:
    """The problem that outputs are not the variant's own answers; None if the cause is no such problem."""
    whose, share = f" of {variant_name(name)}", found.count / found.of
    words = cause_words(found, whose)
    if found.cause == "identical" and tuned:
        both = f"{variant_name(name)} and {variant_name(found.variant or '')}"
        remedy = "check that its adapter is the trained one and fits the model"
        if _collected(results, name):
            remedy = "check that the calls name the tuned model and that each variant has its own file"
        return Fault("comparison", f"{words}, so the adapter was not applied", f"{remedy}; then run {both} again")
    if found.cause == "references":
        remedy = f"give the file with the outputs{whose}, then run again"
        return Fault("comparison", f"{words}, so no model wrote them", remedy)
    if found.cause == "same text" and share > WHOLE:
        if tuned:
            remedy = f"check how the outputs{whose} were collected; if it does write this, train again at a lower learning rate"
            return Fault("training", words, remedy)
        remedy = f"check how {variant_name(name)} is prompted and how its outputs are read, then run again"
        return Fault("comparison", words, remedy)
    if found.cause == "shown" and share > MOST_AFFECTED:
        remedy = "take the examples and the guide from training pairs only, or drop these requests from the test"
        return Fault("comparison", f"{words}: {listed(found.ids, most=5)}", f"{remedy}; then run again")
    return None
