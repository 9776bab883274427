"""One entry of the section about methods, and how its numbers are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ...core import unbroken as say
from ..stored import StoredCuration, StoredRun
from ..words import without_folders
from .settings import Setting, settings_of

__all__ = [
    "CheckLine",
    "MethodEntry",
    "Methods",
    "baseline_entry",
    "check_lines",
    "checks_entry",
    "comparison_entry",
    "curation_entries",
    "curation_lines",
    "curation_method_lead",
    "judgements_entry",
    "lead",
    "learning_entry",
    "likeness_entry",
    "method_lines",
    "money_entry",
    "number",
    "p_words",
    "ranges_entry",
    "requests_entry",
    "risks_entry",
    "scores_entry",
    "training_entry",
    "variants_entry",
    "verdict_entry",
]


@dataclass(frozen=True)
class MethodEntry:
    """A method that this run used: its anchor without the `m-`, its heading, its sentences in paragraphs."""

    id: str
    title: str
    paragraphs: tuple[str, ...]


def p_words(p: Any) -> str:
    """`p = 0.012`, `p < 0.0001`; empty where there is none."""
    if not number(p):
        return ""
    return f"p{say.gap}<{say.gap}0.0001" if p < 0.0001 else f"p{say.gap}={say.gap}{p:.4f}"


def number(value: Any) -> TypeGuard[float]:
    """Whether this is a number that can be said."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def curation_entries(data: Mapping[str, Any]) -> list[MethodEntry]:
    """The entries about the data of a run; [] where nothing was curated."""
    if not data:
        return []
    near = data.get("near_duplicate") or {}
    threshold, recall = near.get("threshold"), near.get("expected_recall")
    limit = f"{threshold:g}" if number(threshold) else "the stated one"
    found = "The search is exact: every pair at or above the threshold is found, none is estimated."
    if near.get("method") == "candidates":
        share = f" ({say.percent(recall)} expected to be found)" if number(recall) else ""
        found = (
            "Candidates come from MinHash bands and are then counted exactly, so what is named is alike; some pairs may be "
            f"missed{share}. The search of the certificate is exact at any size."
        )
    left_out = " and without the identifiers" if data.get("identifiers") else ""
    tied = (data.get("certificate") or {}).get("siblings_tied_from")
    siblings = (
        f"Alike inputs with other facts are siblings; from a similarity of {tied:g} on they stay together (where nobody states "
        "otherwise, the lowest at which no set of tied rows grows beyond a fifth of all). "
        if number(tied)
        else ""
    )
    return [
        MethodEntry(
            "alike",
            "What counts as alike",
            (
                "Two texts are as alike as the Jaccard similarity of their sets of character 5-grams, after NFKC, case folding "
                f"and single spaces{left_out}; alike from {limit} on. {found}",
                "Pairs whose numbers, units, codes or field values differ are different examples, however alike they read: they "
                "are never called duplicates.",
            ),
        ),
        MethodEntry(
            "split",
            "Leaving and splitting",
            (
                "A row leaves as a duplicate only for a row that is kept and that it repeats itself, never through a chain. A "
                "row whose output breaks a must rule leaves train and validation; in test it stays, so that not only easy "
                "requests are tested.",
                f"{siblings}Rows of one group, and rows alike with the same facts, are on one side. The order of the rows "
                "decides nothing. What tied rows weigh is Kish's (Σn)²/Σn² over sets of tied rows (1965), a lower end.",
            ),
        ),
    ]


MOST_CHECKS = 60  # lines of the table; a style may have thousands of rules
CheckLine = tuple[str, str, str, str, str, str]

_GROUPS = (
    "As requests of one group resemble each other, n is divided by the design effect 1 + ρ(Σm²/n − 1) with m the group "
    "sizes; ρ is the intra-group correlation of the analysis of variance (Donner 1986), weighted by its precision with a "
    "prior of mean 1/2, that of a correlation uniform between 0 and 1, and Student's t with Satterthwaite's degrees of "
    "freedom stands in place of the normal quantile (Korn and Graubard 1998)."
)


def ranges_entry(run: StoredRun) -> MethodEntry:
    """Intervals of single shares, as this run's items called for."""
    found = (run.results.get("quality") or {}).get(run.candidate or "") or {}
    n, groups, effective = found.get("n"), found.get("groups"), found.get("n_effective")
    parts = [
        "All ranges of shares are two-sided 95% intervals. That of a single share is Wilson's score interval without "
        "continuity correction (Wilson 1927)."
    ]
    if number(groups) and number(n) and groups < n:
        parts.append(
            f"Here {say.count(n)} requests sit in {say.count(groups)} groups and are worth {say.count(effective)} "
            f"independent ones (for the acceptable share of {run.candidate}). " + _GROUPS
        )
    else:
        parts.append("Every request counts as independent of the others: no groups are known among them.")
    samples = found.get("samples") or 1
    if samples > 1:
        parts.append(
            f"Each request has {say.count(samples)} outputs and counts with their mean; that such means scatter less than "
            "single outcomes is allowed for in n. pass^k is the unbiased share of choices of k outputs that are all "
            "acceptable, C(c, k)/C(n, k) (Yao et al. 2024)."
        )
    parts.append("Seconds are the median and the 95th percentile over outputs; tokens are means over outputs.")
    return MethodEntry("ranges", "Ranges", tuple(parts))


def comparison_entry(run: StoredRun) -> MethodEntry | None:
    """The paired comparison: its interval, its test, what it could have seen; and the other pairs compared."""
    comparison = run.results.get("comparison") or {}
    if not comparison:
        return None
    baseline, candidate = comparison.get("baseline"), comparison.get("candidate")
    difference, method = comparison.get("difference") or {}, str(comparison.get("method") or "")
    head = f"{candidate} against {baseline} on the same {say.count(comparison.get('n'))} requests, paired" if number(
        comparison.get("n")) else f"{candidate} against {baseline} on the same requests, paired"  # fmt: skip
    parts = [f"{head}: {method}." if method else f"{head}.", _interval(comparison, method)]
    p = p_words(comparison.get("p_value"))
    if p:
        mid = p_words(comparison.get("mid_p")).removeprefix("p")
        parts.append(
            f"{_test(method)} Two-sided {p}{f', mid-p{mid}' if mid else ''}. "
            f"{say.count(comparison.get('only_candidate'))} requests went for {candidate} alone and "
            f"{say.count(comparison.get('only_baseline'))} for {baseline} alone."
        )
    low1 = comparison.get("low_one_sided")
    if number(low1):
        parts.append(
            f"Whether {candidate} is not worse is read from the one-sided 95% lower end of the difference, "
            f"{say.signed_points(low1)}, against the margin."
        )
    if number(comparison.get("detectable_difference")):
        parts.append(_power(comparison))
    parts += [line for line in _others(run, difference) if line]
    return MethodEntry("comparison", "Comparison", tuple(parts))


def _interval(comparison: Mapping[str, Any], method: str) -> str:
    text = (
        "The interval of the difference is Newcombe's method 10 for paired shares (Newcombe 1998): Wilson's limits of both "
        "shares combined with their correlation φ, its numerator corrected for continuity."
    )
    if "Newcombe" not in method:
        return ""
    if "design effect" in method:
        n, effective = comparison.get("n"), comparison.get("n_effective")
        worth = (
            f" The {say.count(n)} differences are worth {say.count(effective)} independent ones." if number(n) else ""
        )
        text += (
            f" It is taken at n / design effect, as for single shares, ρ being that of the differences and its prior's mean "
            f"0.3.{worth}"
        )
    elif "repeats" in method:
        text += " Its four cells are those expected of the means over repeats, and n allows for their smaller variance."
    return text


def _test(method: str) -> str:
    if "sign-flip" in method:
        over = "group" if "over groups" in method else "request"
        return (
            f"The test is the exact sign-flip test (Fisher 1935): each {over}'s summed difference could as well have had the "
            "other sign, and all patterns of signs are counted (of very many requests on a fine grid), none drawn by chance. "
            "With single requests it is the exact McNemar test."
        )
    return (
        "The test is the exact McNemar test on the requests that only one of the two does well (McNemar 1947; its mid-p: "
        "Fagerland, Lydersen and Laake 2013)."
    )


def _power(comparison: Mapping[str, Any]) -> str:
    least = say.points(comparison["detectable_difference"])
    share = comparison.get("discordant_share")
    at = f" ({say.percent(share)})" if number(share) else ""
    return (
        f"A test of this size detects a true difference of {least} or more in four of five tests (power 80%, two-sided "
        f"5%), by Connor's formula (1987) at the measured share of requests on which the two differ{at}, one differing and "
        "one agreeing request added, on the effective number of requests."
    )


def _others(run: StoredRun, difference: Mapping[str, Any]) -> list[str]:
    """The pairs compared beside the one that decides, each by the same method, not corrected for their number."""
    guide, rivals = run.results.get("guide_comparison"), run.results.get("rivals") or {}
    found = [part for part in (guide, *rivals.values()) if isinstance(part, Mapping) and difference]
    # The guide's effect is plain against the baseline, a rival's the baseline against it: one pair, told once.
    lines, told = [], set()
    for part in found:
        pair = frozenset((str(part.get("baseline")), str(part.get("candidate"))))
        gap = part.get("difference") or {}
        if pair in told or not number(gap.get("value")):
            continue
        told.add(pair)
        lines.append(
            f"{part.get('candidate')} against {part.get('baseline')}: {say.signed_points(gap['value'])} "
            f"({say.points_range(gap.get('low'), gap.get('high'))}{', ' + p if (p := p_words(part.get('p_value'))) else ''})"
        )
    if not lines:
        return []
    return [f"By the same method, for information and not corrected for their number: {'; '.join(lines)}."]


def checks_entry(run: StoredRun) -> MethodEntry | None:
    """How the rules one by one were compared."""
    checks = (run.results.get("comparison") or {}).get("checks") or {}
    if not checks:
        return None
    must = sum(1 for found in checks.values() if found.get("level") == "must")
    text = (
        "Each rule is compared by the same method, on the requests to which it applies in both variants. The p values of the "
        f"{say.count(must)} rules that must hold are adjusted together by Holm's step-down method (Holm 1979); those of rules "
        "that should hold are information and stand as they are."
    )
    return MethodEntry("checks", "Rules one by one", (text,))


def check_lines(run: StoredRun) -> list[CheckLine]:
    """(rule, difference in how often it is kept, its range, requests, p, p after Holm), the surest first."""
    checks = (run.results.get("comparison") or {}).get("checks") or {}
    rows = sorted(checks.items(), key=lambda item: (_order(item[1]), item[0]))[:MOST_CHECKS]
    return [
        (
            name,
            say.signed_points(found.get("value")),
            say.points_range(found.get("low"), found.get("high")),
            say.count(found.get("n")),
            _bare(found.get("p_value")),
            _bare(found.get("p_holm")) if found.get("level", "must") == "must" else "–",
        )
        for name, found in rows
    ]


def _order(found: Mapping[str, Any]) -> float:
    p = found.get("p_value")
    return p if number(p) else 2.0


def _bare(p: Any) -> str:
    return p_words(p).removeprefix(f"p{say.gap}").removeprefix(f"={say.gap}") or "–"


def likeness_entry(run: StoredRun) -> MethodEntry | None:
    """Likeness to good references, and the test whether outputs can be told from them; only where they were counted."""
    quality = run.results.get("quality") or {}
    parts = [part for part in quality.values() if isinstance(part, Mapping)]
    if not any(((part.get("similarity") or {}).get("chrf") or {}).get("n") for part in parts):
        return None
    n = max(((part.get("similarity") or {}).get("chrf") or {}).get("n") or 0 for part in parts)
    texts = [
        f"Likeness is counted on the {say.count(n)} requests with a reference that keeps the rules: chrF2 of character "
        "1- to 6-grams (Popović 2015) and twice the longest common subsequence over both lengths (rapidfuzz's ratio). Their "
        "means have Student's interval, over groups where there are any (Cochran 1977, 11.2). Neither decides anything."
    ]
    if any((part.get("two_sample") or {}).get("accuracy") is not None for part in parts):
        texts.append(
            "Told apart: a classifier two-sample test (Lopez-Paz and Oquab 2017), paired: shown an output and the reference "
            "of one request, which is which? Ridge regression on character 1- to 3-grams (TF-IDF) with the lengths of both "
            "beside them, five folds that keep groups whole, p of 200 permutations that swap whole groups."
        )
    return MethodEntry("likeness", "Likeness", tuple(texts))


def judgements_entry(run: StoredRun) -> MethodEntry | None:
    """How people's choices were counted."""
    judged = run.results.get("judgements")
    together = judged.get("together") if isinstance(judged, Mapping) else None
    if not isinstance(together, Mapping):
        return None
    p = p_words(together.get("p_value"))
    how = f" ({together['method']})" if together.get("method") else ""
    text = (
        "People chose without names, sides shuffled. The share is over the requests where somebody preferred one side; one "
        "with several judges counts with their mean. Its range is that of any share here"
        f"{how}; the test against one half is the exact sign test, "
        f"over groups the exact sign-flip test{f': two-sided {p}' if p else ''}."
    )
    return MethodEntry("judgements", "Judgements", (text,))


RULES = {
    1: "the data or the comparison is not valid",
    2: "the candidate is surely worse, by the margin or more",
    3: "that the candidate is not worse is not shown",
    4: "a measured risk is over its limit",
    5: "prices or the volume are not stated",
    6: "it hangs on what an unacceptable output costs, which is not stated",
    7: "payback within the target is likely (80% or more), the median value is above 0, and no way without training is "
    "known to do the same for less",
    8: "payback within the target is not likely (50% or less), the median value is not above 0, or a measured way without "
    "training wins",
    9: "nothing above: the ranges leave it open",
}
MOST_UNSCORED = "more than 2% that could not be scored"


def requests_entry(run: StoredRun) -> MethodEntry:
    """Where the test requests come from, and which of them count."""
    data = run.results.get("data") or {}
    if data:
        failing, test = (data.get("references_failing") or {}).get("test"), (data.get("splits") or {}).get("test")
        stays = f" ({say.count(failing)} of {say.count(test)} here)" if failing and test else ""
        text = (
            "They were set apart before training: rows of one group, and rows alike with the same facts, are on one side. "
            f"Outputs were not used to choose them: requests whose reference breaks a rule stay in the test{stays}, else only "
            "easy ones would be tested; comparisons with references leave them out."
        )
    else:
        text = "Every pair of the file that was given is a test request; how they were chosen is not known here."
    parts = [
        text,
        "All variants are judged on the same requests: one that could not be scored for one leaves all of them.",
    ]
    used = (run.results.get("provenance") or {}).get("test_set_used")
    if number(used) and used > 1:
        parts.append(
            f"This test set has been used {say.count(used)} times; each choice made on it makes it look better than it is."
        )
    return MethodEntry("requests", "Test requests", tuple(parts))


def scores_entry(run: StoredRun) -> MethodEntry:
    """What the three shares mean."""
    style = run.results.get("style") or {}
    name, checks = style.get("name"), style.get("checks") or {}
    must = sum(1 for check in checks.values() if check.get("level") == "must")
    parts = []
    if checks:
        parts.append(
            f"Outputs are scored by the {say.count(len(checks))} checks of the style schema “{name}”, {say.count(must)} of "
            "which must hold; the same code for every variant and for people's own answers, no model judges."
        )
    parts.append(
        "Consistent: no violated must check about form or wording. Faithful: none about facts. Acceptable: both. "
        "An output that is missing, empty, a refusal or cut off at the token limit fails all three; one that never came (an "
        "error) is counted apart as unscored, never as a failure. A check that does not apply to a "
        "request says nothing against it."
    )
    if style.get("reviewed") is False:
        parts.append("The schema was inferred from examples and nobody has reviewed it yet.")
    return MethodEntry("scores", "Scores", tuple(parts))


def variants_entry(run: StoredRun) -> MethodEntry | None:
    """What each variant is, one paragraph each."""
    variants = run.results.get("variants") or {}
    parts = tuple(_variant_text(name, how) for name, how in variants.items() if isinstance(how, Mapping))
    return MethodEntry("variants", "Variants", parts) if parts else None


def _variant_text(name: str, how: Mapping[str, Any]) -> str:
    said = [str(how.get("source") or "unknown source")]
    said += [f"{key} {without_folders(str(how[key]))}" for key in ("model", "endpoint", "file") if how.get(key)]
    if how.get("guide"):
        tokens = f" ({say.count(how['guide_tokens'])} tokens)" if how.get("guide_tokens") else ""
        said.append(f"style guide: {how['guide']}{tokens}")
    if how.get("few_shot"):
        said.append(f"{how['few_shot']} examples in the prompt")
    settings = how.get("settings") or {}
    said += [f"{key.replace('_', ' ')} {_setting_text(value)}" for key, value in settings.items() if value is not None]
    if how.get("refused_settings"):
        said.append(f"asked without {' and '.join(how['refused_settings'])}, which the endpoint does not take")
    return f"{name}: {', '.join(said)}."


def _setting_text(value: Any) -> str:
    return f"{value:g}" if number(value) else str(value)


def baseline_entry(run: StoredRun) -> MethodEntry | None:
    """How the baseline was found, and what else was considered."""
    choice = run.results.get("choice") or {}
    baseline, how, considered = choice.get("baseline"), choice.get("how"), choice.get("considered") or {}
    if how == "validation" and considered:
        shares = [
            f"{name} {say.percent((found.get('acceptable') or found).get('share'))}"
            for name, found in considered.items()
        ]
        text = (
            f"{baseline}, chosen on {say.count(choice.get('n'))} validation pairs: the cheapest variant without training that "
            "is not worse than the best one (one-sided 95% lower end of its difference above the margin). Acceptable there: "
            f"{', '.join(shares)}."
        )
    elif how == "stated":
        text = f"{baseline}, as stated in the settings."
    elif how == "only one":
        text = f"{baseline}, the only variant without training."
    else:
        return None
    return MethodEntry("baseline", "Baseline", (text,))


def training_entry(run: StoredRun) -> MethodEntry | None:
    """The kind of training, with what was stated and what followed from a rule in the table of settings."""
    training = run.results.get("training") or {}
    settings = training.get("settings")
    if not training:
        return None
    rank = settings.get("rank") if isinstance(settings, Mapping) else None
    return MethodEntry(
        "training",
        "Training",
        (
            f"LoRA on all linear layers (Hu et al. 2021){f', rank {rank}' if rank else ''}, the base weights frozen; loss on the "
            "output's tokens alone. The validation loss is measured at evenly spread steps; the weights with the lowest are "
            "kept, and training stops early when it no longer falls.",
        ),
    )


def learning_entry(run: StoredRun) -> MethodEntry | None:
    """How twice the examples were estimated."""
    curve = run.results.get("learning_curve")
    if not isinstance(curve, Mapping) or not curve.get("doubling"):
        return None
    text = (
        "err(n) = e + b·n^−c through the error shares, weighted by their binomial variance, e and b at least 0, c from 0.07 to "
        "1 (the span of published fits: Hestness et al. 2017; Viering and Loog 2021). The gain and its 95% range come from "
        "2,000 resamplings of groups of requests, all sizes together, each with a curve drawn in proportion to its likelihood. "
        "No further than twice the largest size does the estimate reach."
    )
    return MethodEntry("more-examples", "Would more examples help?", (text,))


def money_entry(run: StoredRun) -> MethodEntry | None:
    """Exact figures, and the draws behind the ranges."""
    money = run.results.get("money") or {}
    if not money:
        return None
    parts = [
        "The figures are exact decimal arithmetic on the assumptions listed below; tokens are counted by each model's own "
        "tokenizer and chat template or reported by the provider, never estimated from words. Never is a value of its own, "
        "not a large number."
    ]
    if number(money.get("draws")) and number(money.get("npv_p50")):
        parts.append(
            f"The ranges are the 5th to 95th percentile of {say.count(money['draws'])} draws of everything that is not known "
            "exactly, through the same formulas. What was measured is drawn again by the Bayesian bootstrap (Rubin 1981): one "
            "exponential weight for each group of requests, the same for all variants, with half a success and half a failure "
            "added to each share. Stated ranges are triangular; a volume stated as one number is drawn from half to one and a "
            "half times it. “In 94 of 100 futures” is a share of these draws."
        )
    return MethodEntry("money", "Money", tuple(parts))


_RISKS = {
    "overfitting": "Overfitting: the acceptable share on training requests minus that on test requests, two independent "
    "shares, Newcombe's method 10 (1998) for the lower end; over its limit above 10 points with the lower end above 0.",
    "memorisation": "Memorisation: outputs with eight words in a row that stand in at most two training groups or 1% of them, "
    "whichever is more, and not in the request, against the references of the same requests, paired; over where the lower "
    "end is above 0.",
    "forgetting": "Forgetting: shipped general prompts with answers that a program checks, base model against tuned model, "
    "paired; over where the whole interval lies below −5 points, and called within its limit only where the loss of half of "
    "what the base model can do would have shown.",
}


def risks_entry(run: StoredRun) -> MethodEntry | None:
    """How the risks that were measured on outputs were."""
    found = [risk for risk in run.results.get("risks") or [] if isinstance(risk, Mapping)]
    done = {str(risk.get("id")) for risk in found if risk.get("status") not in ("not checked", "not measured")}
    parts = tuple(text for name, text in _RISKS.items() if name in done)
    return MethodEntry("risks", "Risks", parts) if parts else None


def verdict_entry(run: StoredRun) -> MethodEntry | None:
    """The rule that fired, and what would have made the comparison count for nothing."""
    verdict = run.results.get("verdict") or {}
    if not verdict:
        return None
    rule = verdict.get("rule")
    words = RULES.get(rule) if isinstance(rule, int) else None
    first = f"Nine rules are asked in a fixed order and the first that fires decides; here rule {rule}"
    parts = [f"{first}: {words}." if words else f"{first}."]
    problems = [str(found.get("text")) for found in run.results.get("validity") or [] if isinstance(found, Mapping)]
    looked = (
        "Looked for before anything else: test requests that stand in the training data, a guide that is empty, cut off or "
        f"without effect, settings of the two variants that differ, {MOST_UNSCORED}, and nothing acceptable at all."
    )
    if problems:
        parts.append(f"{looked} Found: {'; '.join(problems)}.")
    else:
        parts.append(f"{looked} {'It fired.' if rule == 1 else 'Nothing of it was found.'}")
    return MethodEntry("verdict", "Verdict", tuple(parts))


@dataclass(frozen=True)
class Methods:
    """What the section shows: an entry for each method, the rules with their p values, the settings that matter."""

    entries: tuple[MethodEntry, ...]
    checks: tuple[CheckLine, ...] = ()
    settings: tuple[Setting, ...] = ()


def lead(run: StoredRun) -> str:
    """How many methods stand here, and how many of the settings somebody stated."""
    methods = method_lines(run)
    behind = f"The {len(methods.entries)} methods behind these numbers, each with its name and source"
    if not methods.settings:
        return f"{behind}."
    stated, n = sum(setting.source == "stated" for setting in methods.settings), len(methods.settings)
    return f"{behind}, and the settings that matter: {stated or 'none'} of {n} stated by the team."


def method_lines(run: StoredRun) -> Methods:
    """What this run did, in the order of the page; nothing about what it did not."""
    entries = [
        requests_entry(run),
        variants_entry(run),
        baseline_entry(run),
        scores_entry(run),
        ranges_entry(run) if run.variants else None,
        comparison_entry(run),
        checks_entry(run),
        likeness_entry(run),
        judgements_entry(run),
        *curation_entries(run.results.get("data") or {}),
        training_entry(run),
        learning_entry(run),
        risks_entry(run),
        money_entry(run),
        verdict_entry(run),
    ]
    said = tuple(
        MethodEntry(entry.id, entry.title, tuple(text for text in entry.paragraphs if text))
        for entry in entries
        if entry is not None
    )
    return Methods(said, tuple(check_lines(run)), tuple(settings_of(run.results, run.facts)))


def curation_lines(run: StoredCuration) -> Methods:
    """What curating did, with the terms of the trade."""
    return Methods(tuple(curation_entries(run.summary)))


def curation_method_lead(run: StoredCuration) -> str:
    """Whether the search for duplicates was exact."""
    method = (run.summary.get("near_duplicate") or {}).get("method")
    if method == "candidates":
        return "Duplicates were searched for among candidates, each then counted exactly; the certificate's search is exact."
    return "Every pair of rows was compared exactly; nothing here is estimated."
