"""How the numbers were made, in sentences with the statistics named: the one place for terms of the trade."""

from typing import Any

from .. import numbers as say
from ..curated import StoredCuration
from ..stored import StoredRun

__all__ = ["curation_lines", "lead", "method_lines"]


def lead(run: StoredRun) -> str:
    """The sentence that opens the section."""
    return "How the numbers were made, and where every figure that was not measured comes from."


def method_lines(run: StoredRun) -> list[tuple[str, str]]:
    """(heading, sentences) for what this run did; nothing about what it did not."""
    lines = [_test_set(run), _scores(run), _variants(run), _choice(run)]
    lines += [_ranges(run)]
    if run.results.get("comparison"):
        lines.append(_comparison(run.results["comparison"]))
    if run.results.get("verdict"):
        lines.append(_verdict(run.results["verdict"]))
    if run.results.get("money"):
        lines.append(
            (
                "Money",
                "Exact decimal arithmetic on the figures in the list of assumptions below, tokens counted with "
                "each model's own tokenizer and chat template. Never is a value of its own, not a large number.",
            )
        )
    return [(heading, text) for heading, text in lines if text]


def curation_lines(run: StoredCuration) -> list[tuple[str, str]]:
    """(heading, sentences) for what curating did, with the terms of the trade."""
    near = run.summary.get("near_duplicate") or {}
    threshold = near.get("threshold")
    limit = f"{threshold:g}" if isinstance(threshold, int | float) else "the stated one"
    method = near.get("method")
    found = (
        "Candidates come from MinHash bands and are then counted exactly, so what is named is alike; some pairs may be missed."
        if method == "candidates"
        else "The search is exact: every pair at or above the threshold is found, none is estimated."
    )
    tied = (run.summary.get("certificate") or {}).get("siblings_tied_from")
    siblings = (
        f"Alike inputs with other facts are siblings; from a similarity of {tied:g} on they stay together. "
        if tied
        else ""
    )
    return [
        (
            "Likeness",
            "Two texts are as alike as the Jaccard similarity of their sets of character 5-grams, after Unicode "
            f"normalisation, case folding and single spaces, without the identifiers; alike from {limit} on. {found}",
        ),
        (
            "Facts",
            "Pairs whose numbers, units, codes or field values differ are different examples, however alike they read: "
            "they are never called duplicates.",
        ),
        (
            "Leaving and staying",
            "A row leaves as a duplicate only for a row that is kept and that it repeats itself, never through a chain. "
            "A row whose output breaks a rule leaves train and validation; in test it stays, so that not only easy "
            "requests are tested.",
        ),
        (
            "Split",
            f"{siblings}Rows of one group, and rows alike with the same facts, are on one side. "
            "The order of the rows decides nothing.",
        ),
    ]


def _test_set(run: StoredRun) -> tuple[str, str]:
    data = run.results.get("data") or {}
    if not data:
        return (
            "Test requests",
            "Every pair of the file that was given is a test request; how they were chosen is not known here.",
        )
    text = (
        "They were set apart before training, grouped so that near copies and members of one group stay on one side. "
    )
    text += "Outputs were not used to choose them: requests whose reference breaks a rule stay in the test."
    used = (run.results.get("provenance") or {}).get("test_set_used")
    if used and used > 1:
        text += f" This test set has been used {say.count(used)} times; each choice made on it makes it look better."
    return "Test requests", text


def _scores(run: StoredRun) -> tuple[str, str]:
    style = run.results.get("style") or {}
    name, checks = style.get("name"), style.get("checks") or {}
    must = sum(1 for check in checks.values() if check.get("level") == "must")
    text = (
        f"Outputs are scored by the {len(checks)} checks of the style schema “{name}”, {must} of which must hold. "
        if checks
        else ""
    )
    text += (
        "Consistent: no violated must check about form or wording. Faithful: none about facts. Acceptable: both. "
        "An empty, refused or cut-off output fails; what could not be scored is counted apart, never as a failure."
    )
    if style.get("reviewed") is False:
        text += " The schema was inferred from examples and nobody has reviewed it yet."
    return "Scores", text


def _variants(run: StoredRun) -> tuple[str, str]:
    sentences = []
    for name, how in (run.results.get("variants") or {}).items():
        parts = [str(how.get("source") or "unknown source")]
        if how.get("model"):
            parts.append(f"model {how['model']}")
        if how.get("file"):
            parts.append(f"file {how['file']}")
        if how.get("guide"):
            tokens = f" ({say.count(how['guide_tokens'])} tokens)" if how.get("guide_tokens") else ""
            parts.append(f"style guide: {how['guide']}{tokens}")
        if how.get("few_shot"):
            parts.append(f"{how['few_shot']} examples in the prompt")
        settings = how.get("settings") or {}
        parts += [f"{key.replace('_', ' ')} {value:g}" for key, value in settings.items() if _number(value)]
        if how.get("refused_settings"):
            parts.append(f"asked without {' and '.join(how['refused_settings'])}, which the endpoint does not take")
        sentences.append(f"{name}: {', '.join(parts)}.")
    return "Variants", "\n".join(sentences)


def _choice(run: StoredRun) -> tuple[str, str]:
    """How the baseline was found, and what else was considered."""
    choice = run.results.get("choice") or {}
    considered = choice.get("considered") or {}
    if choice.get("how") != "validation" or not considered:
        return "Baseline", ""
    text = (
        f"{choice['baseline']}, chosen on {say.count(choice.get('n'))} validation pairs: the cheapest variant without "
        "training that is not worse than the best one."
    )
    shares = [
        f"{name} {say.percent((found.get('acceptable') or {}).get('share'))}" for name, found in considered.items()
    ]
    return "Baseline", f"{text} Acceptable there: {', '.join(shares)}."


def _ranges(run: StoredRun) -> tuple[str, str]:
    text = "All ranges are 95 % intervals. A single share has a Wilson score interval"
    found = (run.results.get("quality") or {}).get(run.candidate or "") or {}
    if (found.get("samples") or 1) > 1:
        text = f"A request counts with the mean over its {say.count(found['samples'])} outputs. {text}"
    groups, effective = found.get("groups"), found.get("n_effective")
    if groups and effective and effective < (found.get("n") or 0):
        text += (
            f", taken at an effective sample size of {say.count(effective)}: "
            f"the {say.count(found.get('n'))} requests sit in {say.count(groups)} groups whose members resemble each other; "
            "Student's t stands in place of the normal quantile"
        )
    return "Ranges", text + "."


def _comparison(comparison: dict[str, Any]) -> tuple[str, str]:
    p = comparison.get("p_value")
    text = f"{comparison.get('candidate')} against {comparison.get('baseline')} on the same requests, paired"
    text += f": {comparison['method']}." if comparison.get("method") else "."
    if p is not None:
        text += f" Two-sided p {'< 0.0001' if p < 0.0001 else f'= {p:.4f}'}."
    gap = comparison.get("detectable_difference")
    if gap is not None:
        least = say.percent(gap).replace("%", "points")
        text += (
            f" A test of this size detects a true difference of {least} or more with 80 % power, at the measured share of "
            "requests on which the two differ."
        )
    return "Comparison", text


def _verdict(verdict: dict[str, Any]) -> tuple[str, str]:
    return (
        "Verdict",
        f"The first rule that fires decides; here rule {verdict.get('rule')}. Tuneworth's documentation lists them.",
    )


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
