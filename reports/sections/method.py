"""The method section: which methods a run used, and the values that their descriptions mention.

The descriptions, in technical terms, are in templates/methods.html.j2.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ...core import decimals_beside
from ...core import unbroken as say
from ...curate import Curation
from ...evaluate.results import CheckDifference, Comparison, VariantRecord
from ...style import RuleInUse
from ..page import Section
from ..stored import StoredCuration, StoredRun
from ..words import mapping, variant_label, without_folders
from .money.assumptions import assumption_groups, assumption_sources
from .quality import similarity_rows
from .settings import settings_of

MOST_CHECKS = 60  # rows of the table; a style may have thousands of rules
RISKS = ("overfitting", "memorisation", "forgetting")  # those measured on outputs
CheckLine = tuple[str, str, str, str, str, str]
Values = dict[str, Any]


def section(run: StoredRun) -> Section:
    """The methods of an evaluated run, its key settings, and the assumptions about money."""
    methods, settings = methods_of(run), settings_of(run.results, run.facts)
    lead = f"The {len(methods)} methods behind the numbers, with their sources"
    if settings:
        stated = sum(setting.source == "stated" for setting in settings)
        lead += f", and {say.count(len(settings), 'key setting')}, {stated or 'none'} of them stated by the team"
    shown = {
        "methods": methods,
        "settings": settings,
        "assumptions": assumption_groups(run),
        "sources": assumption_sources(run),
    }
    return Section("method", "Method and assumptions", f"{lead}.", "method", shown)


def curated_section(run: StoredCuration) -> Section:
    """The methods of a run that was only curated."""
    lead = "Every pair of rows was compared exactly, without estimates."
    if run.summary.near_duplicate.method == "candidates":
        lead = (
            "Duplicates were searched among candidates and compared exactly; the search for the certificate is exact."
        )
    shown = {"methods": _curating(run.summary), "settings": [], "assumptions": [], "sources": ""}
    return Section("method", "Method", lead, "method", shown)


def methods_of(run: StoredRun) -> dict[str, Values]:
    """The methods of this run, as names of macros in the order of the page, each with the values that it needs."""
    found = {
        "requests": _requests(run),
        "variants": _variants(run),
        "rivals": _rivals(run),
        "scores": _scores(run),
        "ranges": _ranges(run),
        "comparison": _comparison(run),
        "checks": _checks(run),
        "similarity": _similarity(run),
        "judgements": _judgements(run),
        **(_curating(run.results.data) if run.results.data else {}),
        "training": {"rank": run.results.training.settings.get("rank")} if run.results.training else None,
        "more_examples": {} if run.results.learning_curve and run.results.learning_curve.doubling else None,
        "risks": _risks(run),
        "money": _money(run),
        "verdict": _verdict(run),
    }
    return {name: values for name, values in found.items() if values is not None}


# --- the run and its evaluation -----------------------------------------------------------------------------------


def _requests(run: StoredRun) -> Values:
    data, origin = run.results.data, run.results.provenance
    failing = data.references_failing.test if data and data.references_failing else 0
    test = data.splits.test if data and data.splits else None
    used = (origin.test_set_used if origin else None) or 0
    return {
        "curated": data is not None,
        "failing": say.count(failing) if failing and test else "",
        "test": say.count(test),
        "used": say.count(used) if used > 1 else "",
    }


def _variants(run: StoredRun) -> Values | None:
    lines = [_variant(name, how) for name, how in run.results.variants.items()]
    return {"lines": lines} if lines else None


def _variant(name: str, how: VariantRecord) -> str:
    made = [variant_label(origin) for origin in how.of]
    parts = [f"made from {' and '.join(made)}" if made else how.source]
    if made and how.way in ("repair", "cascade"):
        return f"{variant_label(name)}: {parts[0]}."
    places = {"model": how.model, "endpoint": how.endpoint, "file": how.file}
    parts += [f"{key} {without_folders(place)}" for key, place in places.items() if place]
    if how.guide:
        tokens = f" ({say.count(how.guide_tokens)} tokens)" if how.guide_tokens else ""
        parts.append(f"style guide: {how.guide}{tokens}")
    if how.few_shot:
        parts.append(f"{how.few_shot} examples in the prompt")
    if how.repair != "off":
        parts.append(f"outputs repaired before scoring ({how.repair})")
    settings = {key: value for key, value in (how.settings or {}).items() if value is not None}
    parts += [f"{key.replace('_', ' ')} {_plain(value)}" for key, value in settings.items()]
    if how.refused_settings:
        parts.append(f"called without {' and '.join(how.refused_settings)}, which the endpoint does not accept")
    if how.doubtful_counts:
        parts.append(f"without the endpoint's token counts, which cannot be true ({how.doubtful_counts})")
    return f"{variant_label(name)}: {', '.join(parts)}."


def _rivals(run: StoredRun) -> Values | None:
    """The candidate and the ways without training that it was tested against."""
    if not run.rivals or run.candidate is None:
        return None
    ways = {run.way(name) for name in run.variants}
    stated = (run.facts.get("config") or {}).get("evaluate") or {}
    template = mapping(mapping(stated).get("template")).get("template")
    return {
        "candidate": run.label(run.candidate),
        "count": say.count(len(run.rivals)),
        "repaired": "repair" in ways,
        "cascade": "cascade" in ways,
        "template": ("stated" if template else "learned from training examples") if "template" in ways else "",
    }


def _scores(run: StoredRun) -> Values:
    style = run.results.style
    checks = style.checks if style else {}
    return {
        "style": style.name if style else None,
        "checks": say.count(len(checks)) if checks else "",
        "must": say.count(_must(checks.values())),
        "correct": "" if run.results.correctness is None else "beside others" if run.correct_apart else "alone",
        "unreviewed": style is not None and not style.reviewed,
    }


def _risks(run: StoredRun) -> Values | None:
    done = {risk.id for risk in run.results.risks if risk.status != "not checked"}
    return {"measured": done} if done & set(RISKS) else None


def _money(run: StoredRun) -> Values | None:
    money = run.results.money
    drawn = money and money.draws is not None and money.npv_p50 is not None
    return {"draws": say.count(money.draws) if drawn else ""} if money else None


def _verdict(run: StoredRun) -> Values | None:
    verdict, problems = run.results.verdict, [problem.text for problem in run.results.validity]
    return {"rule": verdict.rule, "problems": problems} if verdict else None


def _curating(data: Curation) -> dict[str, Values]:
    """How rows were compared, dropped and split."""
    near, certificate = data.near_duplicate, data.certificate
    tied, outputs = (certificate.siblings_tied_from, certificate.outputs_tied) if certificate else (None, None)
    similarity = {
        "limit": f"{near.threshold:g}",
        "candidates": near.method == "candidates",
        "recall": "" if near.expected_recall is None else say.percent(near.expected_recall),
        "identifiers": bool(data.identifiers),
    }
    split = {"tied": "" if tied is None else f"{tied:g}", "outputs": outputs or ""}
    return {"similar_rows": similarity, "split": split}


# --- the statistics -----------------------------------------------------------------------------------------------


def _ranges(run: StoredRun) -> Values | None:
    if not run.variants:
        return None
    found, requests = run.quality(run.candidate), run.results.requests
    groups = found.groups if found else None
    return {
        "pairs": say.count(requests.n if requests else 0),
        "distinct": say.count(requests.distinct) if requests and requests.distinct < requests.n else "",
        "untied": say.count(requests.untied) if requests and requests.untied else "",
        "n": say.count(found.n if found else None),
        "groups": say.count(groups) if found and groups is not None and groups < found.n else "",
        "worth": say.count(found.n_effective if found else None),
        "candidate": run.candidate and run.label(run.candidate),
        "samples": say.count(found.samples) if found and found.samples > 1 else "",
    }


def _comparison(run: StoredRun) -> Values | None:
    """The compared pair with its interval, test and power; and the other pairs compared."""
    comparison = run.results.comparison
    if comparison is None:
        return None
    low, least, differing = comparison.low_one_sided, comparison.detectable_difference, comparison.discordant_share
    return {
        "baseline": run.label(comparison.baseline),
        "candidate": run.label(comparison.candidate),
        "n": say.count(comparison.n),
        "worth": say.count(comparison.n_effective),
        "method": comparison.method,
        "p": _p(comparison.p_value),
        "mid_p": _p(comparison.mid_p),
        "only_candidate": say.count(comparison.only_candidate),
        "only_baseline": say.count(comparison.only_baseline),
        "low": "" if low is None else say.signed_points(low),
        "detectable": "" if least is None else say.points(least),
        "discordant": "" if differing is None else say.percent(differing),
        "others": _others(run, comparison),
    }


def _others(run: StoredRun, comparison: Comparison) -> list[str]:
    """The other pairs compared by the same method: the candidate with each other rival, and the effect of the guide."""
    parts = [(comparison.candidate, row.name, row.difference, row.p_value) for row in run.rivals if not row.strongest]
    if guide := run.results.guide_comparison:
        parts.append((guide.candidate, guide.baseline, guide.difference, guide.p_value))
    lines = []
    for candidate, baseline, gap, p_value in parts:
        if gap is None or gap.value is None:
            continue
        p, decimals = _p(p_value), decimals_beside(run.acceptable(candidate), run.acceptable(baseline))
        spread = say.points_range(gap.low, gap.high)
        lines.append(
            f"{variant_label(candidate)} against {variant_label(baseline)}: {say.signed_points(gap.value, decimals)} "
            f"({spread}{f', {p}' if p else ''})"
        )
    return lines


def _checks(run: StoredRun) -> Values | None:
    checks = run.results.comparison.checks if run.results.comparison else {}
    return {"must": say.count(_must(checks.values())), "lines": check_lines(checks)} if checks else None


def check_lines(checks: Mapping[str, CheckDifference]) -> list[CheckLine]:
    """(rule, difference in how often it is kept, its range, requests, p, p after Holm), the smallest p first."""

    def order(name: str) -> tuple[float, str]:
        p = checks[name].p_value
        return 2.0 if p is None else p, name

    return [
        (
            name,
            say.signed_points(checks[name].value),
            say.points_range(checks[name].low, checks[name].high),
            say.count(checks[name].n),
            _bare(checks[name].p_value),
            _bare(checks[name].p_holm) if checks[name].level == "must" else "–",
        )
        for name in sorted(checks, key=order)[:MOST_CHECKS]
    ]


def _similarity(run: StoredRun) -> Values | None:
    parts = run.results.quality.values()
    n = max((part.similarity.chrf.n for part in parts if part.similarity), default=0)
    classifier = any(part.two_sample and part.two_sample.accuracy is not None for part in parts)
    return {"n": say.count(n), "classifier": classifier} if n and similarity_rows(run) else None


def _judgements(run: StoredRun) -> Values | None:
    found = run.results.judgements
    if found is None:
        return None
    rules = found.rules and (found.rules.acceptable or found.rules.preferences)
    return {"method": found.together.method, "p": _p(found.together.p_value), "rules": bool(rules)}


def _must(checks: Iterable[RuleInUse | CheckDifference]) -> int:
    return sum(check.level == "must" for check in checks)


def _p(p: float | None) -> str:
    """`p = 0.0120`, `p < 0.0001`; empty without a p value."""
    if p is None:
        return ""
    return f"p{say.gap}<{say.gap}0.0001" if p < 0.0001 else f"p{say.gap}={say.gap}{p:.4f}"


def _bare(p: float | None) -> str:
    return _p(p).removeprefix(f"p{say.gap}").removeprefix(f"={say.gap}") or "–"


def _plain(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if is_number else str(value)
