"""How a run was made and judged: its requests, variants, scores, money, risks, validity, verdict."""

from collections.abc import Mapping
from typing import Any

from ...core import unbroken as say
from ..folders import without_folders
from ..stored import StoredRun
from .method_entry import MethodEntry, number

__all__ = ["baseline_entry", "learning_entry", "money_entry", "requests_entry", "risks_entry", "scores_entry"]
__all__ += ["training_entry", "variants_entry", "verdict_entry"]

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
    parts = tuple(_variant(name, how) for name, how in variants.items() if isinstance(how, Mapping))
    return MethodEntry("variants", "Variants", parts) if parts else None


def _variant(name: str, how: Mapping[str, Any]) -> str:
    said = [str(how.get("source") or "unknown source")]
    said += [f"{key} {without_folders(str(how[key]))}" for key in ("model", "endpoint", "file") if how.get(key)]
    if how.get("guide"):
        tokens = f" ({say.count(how['guide_tokens'])} tokens)" if how.get("guide_tokens") else ""
        said.append(f"style guide: {how['guide']}{tokens}")
    if how.get("few_shot"):
        said.append(f"{how['few_shot']} examples in the prompt")
    settings = how.get("settings") or {}
    said += [f"{key.replace('_', ' ')} {_setting(value)}" for key, value in settings.items() if value is not None]
    if how.get("refused_settings"):
        said.append(f"asked without {' and '.join(how['refused_settings'])}, which the endpoint does not take")
    return f"{name}: {', '.join(said)}."


def _setting(value: Any) -> str:
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
