"""The method section: which methods a run used, and the values that their descriptions mention.

The descriptions, in technical terms, are in templates/methods.html.j2.
"""

from collections.abc import Mapping
from typing import Any

from ...core import decimals_beside
from ...core import unbroken as say
from ..page import Section
from ..stored import StoredCuration, StoredRun
from ..words import finite, is_number, mapping, variant_label, without_folders
from .money.assumptions import assumption_groups, assumption_sources
from .settings import settings_of

__all__ = ["check_lines", "curated_section", "methods_of", "section"]

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
    if mapping(run.summary.get("near_duplicate")).get("method") == "candidates":
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
        **_curating(run.results.get("data") or {}),
        "training": _training(run),
        "more_examples": {} if mapping(run.results.get("learning_curve")).get("doubling") else None,
        "risks": _risks(run),
        "money": _money(run),
        "verdict": _verdict(run),
    }
    return {name: values for name, values in found.items() if values is not None}


# --- the run and its evaluation -----------------------------------------------------------------------------------


def _requests(run: StoredRun) -> Values:
    data = run.results.get("data") or {}
    failing, test = (data.get("references_failing") or {}).get("test"), (data.get("splits") or {}).get("test")
    used = finite((run.results.get("provenance") or {}).get("test_set_used")) or 0
    return {
        "curated": bool(data),
        "failing": say.count(failing) if failing and test else "",
        "test": say.count(test),
        "used": say.count(used) if used > 1 else "",
    }


def _variants(run: StoredRun) -> Values | None:
    variants = mapping(run.results.get("variants"))
    lines = [_variant(name, how) for name, how in variants.items() if isinstance(how, Mapping)]
    return {"lines": lines} if lines else None


def _variant(name: str, how: Mapping[str, Any]) -> str:
    made = [variant_label(str(origin)) for origin in how.get("of") or []]
    parts = [f"made from {' and '.join(made)}" if made else str(how.get("source") or "unknown source")]
    if made and how.get("way") in ("repair", "cascade"):
        return f"{variant_label(name)}: {parts[0]}."
    parts += [f"{key} {without_folders(str(how[key]))}" for key in ("model", "endpoint", "file") if how.get(key)]
    if how.get("guide"):
        tokens = f" ({say.count(how['guide_tokens'])} tokens)" if how.get("guide_tokens") else ""
        parts.append(f"style guide: {how['guide']}{tokens}")
    if how.get("few_shot"):
        parts.append(f"{how['few_shot']} examples in the prompt")
    if how.get("repair", "off") != "off":
        parts.append(f"outputs repaired before scoring ({how['repair']})")
    settings = {key: value for key, value in (how.get("settings") or {}).items() if value is not None}
    parts += [f"{key.replace('_', ' ')} {_plain(value)}" for key, value in settings.items()]
    if how.get("refused_settings"):
        parts.append(f"called without {' and '.join(how['refused_settings'])}, which the endpoint does not accept")
    if how.get("doubtful_counts"):
        parts.append(f"without the endpoint's token counts, which cannot be true ({how['doubtful_counts']})")
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
    style = run.results.get("style") or {}
    checks = style.get("checks") or {}
    return {
        "style": style.get("name"),
        "checks": say.count(len(checks)) if checks else "",
        "must": say.count(_must(checks)),
        "unreviewed": style.get("reviewed") is False,
    }


def _training(run: StoredRun) -> Values | None:
    training = run.results.get("training") or {}
    return {"rank": mapping(training.get("settings")).get("rank")} if training else None


def _risks(run: StoredRun) -> Values | None:
    found = [risk for risk in run.results.get("risks") or [] if isinstance(risk, Mapping)]
    done = {str(risk.get("id")) for risk in found if risk.get("status") not in ("not checked", "not measured")}
    return {"measured": done} if done & set(RISKS) else None


def _money(run: StoredRun) -> Values | None:
    money = run.results.get("money") or {}
    drawn = is_number(money.get("draws")) and is_number(money.get("npv_p50"))
    return {"draws": say.count(money["draws"]) if drawn else ""} if money else None


def _verdict(run: StoredRun) -> Values | None:
    verdict = run.results.get("verdict") or {}
    problems = [str(found.get("text")) for found in run.results.get("validity") or [] if isinstance(found, Mapping)]
    return {"rule": verdict.get("rule"), "problems": problems} if verdict else None


def _curating(data: Mapping[str, Any]) -> dict[str, Values]:
    """How rows were compared, dropped and split; empty without a curation."""
    if not data:
        return {}
    near, certificate = data.get("near_duplicate") or {}, data.get("certificate") or {}
    tied, outputs = certificate.get("siblings_tied_from"), certificate.get("outputs_tied") or ""
    threshold, recall = near.get("threshold"), near.get("expected_recall")
    similarity = {
        "limit": f"{threshold:g}" if is_number(threshold) else "the stated threshold",
        "candidates": near.get("method") == "candidates",
        "recall": say.percent(recall) if is_number(recall) else "",
        "identifiers": bool(data.get("identifiers")),
    }
    return {"similar_rows": similarity, "split": {"tied": f"{tied:g}" if is_number(tied) else "", "outputs": outputs}}


# --- the statistics -----------------------------------------------------------------------------------------------


def _ranges(run: StoredRun) -> Values | None:
    if not run.variants:
        return None
    found = mapping((run.results.get("quality") or {}).get(run.candidate or ""))
    n, groups, samples = found.get("n"), found.get("groups"), found.get("samples") or 1
    requests = mapping(run.results.get("requests"))
    pairs, distinct, untied = (requests.get(key) or 0 for key in ("n", "distinct", "untied"))
    return {
        "pairs": say.count(pairs),
        "distinct": say.count(distinct) if distinct < pairs else "",
        "untied": say.count(untied) if untied else "",
        "n": say.count(n),
        "groups": say.count(groups) if is_number(groups) and is_number(n) and groups < n else "",
        "worth": say.count(found.get("n_effective")),
        "candidate": run.candidate and run.label(run.candidate),
        "samples": say.count(samples) if samples > 1 else "",
    }


def _comparison(run: StoredRun) -> Values | None:
    """The compared pair with its interval, test and power; and the other pairs compared."""
    comparison = run.results.get("comparison") or {}
    if not comparison:
        return None
    n, low, least = (finite(comparison.get(key)) for key in ("n", "low_one_sided", "detectable_difference"))
    differing = comparison.get("discordant_share")
    return {
        **{name: run.label(str(comparison.get(name))) for name in ("baseline", "candidate")},
        "n": "" if n is None else say.count(n),
        "worth": say.count(comparison.get("n_effective")),
        "method": str(comparison.get("method") or ""),
        "p": _p(comparison.get("p_value")),
        "mid_p": _p(comparison.get("mid_p")),
        "only_candidate": say.count(comparison.get("only_candidate")),
        "only_baseline": say.count(comparison.get("only_baseline")),
        "low": "" if low is None else say.signed_points(low),
        "detectable": "" if least is None else say.points(least),
        "discordant": say.percent(differing) if is_number(differing) else "",
        "others": _others(run) if comparison.get("difference") else [],
    }


def _others(run: StoredRun) -> list[str]:
    """The other pairs compared by the same method: the candidate with each other rival, and the effect of the guide."""
    comparison = run.results["comparison"]
    parts = [
        {"candidate": comparison["candidate"], "baseline": row["name"], **row}
        for row in run.rivals
        if not row.get("strongest")
    ]
    lines = []
    for part in (*parts, mapping(run.results.get("guide_comparison"))):
        gap = part.get("difference") or {}
        if not is_number(gap.get("value")):
            continue
        p = _p(part.get("p_value"))
        ours, theirs = (variant_label(str(part.get(side))) for side in ("candidate", "baseline"))
        decimals = decimals_beside(*(run.acceptable(part.get(side)) for side in ("candidate", "baseline")))
        spread = say.points_range(gap.get("low"), gap.get("high"))
        lines.append(
            f"{ours} against {theirs}: {say.signed_points(gap['value'], decimals)} ({spread}{f', {p}' if p else ''})"
        )
    return lines


def _checks(run: StoredRun) -> Values | None:
    checks = (run.results.get("comparison") or {}).get("checks") or {}
    return {"must": say.count(_must(checks)), "lines": check_lines(run)} if checks else None


def check_lines(run: StoredRun) -> list[CheckLine]:
    """(rule, difference in how often it is kept, its range, requests, p, p after Holm), the smallest p first."""
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


def _similarity(run: StoredRun) -> Values | None:
    parts = [mapping(part) for part in (run.results.get("quality") or {}).values()]
    n = max((((part.get("similarity") or {}).get("chrf") or {}).get("n") or 0 for part in parts), default=0)
    classifier = any((part.get("two_sample") or {}).get("accuracy") is not None for part in parts)
    return {"n": say.count(n), "classifier": classifier} if n else None


def _judgements(run: StoredRun) -> Values | None:
    together = mapping(run.results.get("judgements")).get("together")
    if not isinstance(together, Mapping):
        return None
    rules = mapping(mapping(run.results.get("judgements")).get("rules"))
    return {"method": together.get("method"), "p": _p(together.get("p_value")), "rules": any(rules.values())}


def _must(checks: Mapping[str, Any]) -> int:
    return sum(1 for check in checks.values() if check.get("level") == "must")


def _order(found: Mapping[str, Any]) -> float:
    p = finite(found.get("p_value"))
    return 2.0 if p is None else p


def _p(p: Any) -> str:
    """`p = 0.0120`, `p < 0.0001`; empty without a p value."""
    if not is_number(p):
        return ""
    return f"p{say.gap}<{say.gap}0.0001" if p < 0.0001 else f"p{say.gap}={say.gap}{p:.4f}"


def _bare(p: Any) -> str:
    return _p(p).removeprefix(f"p{say.gap}").removeprefix(f"={say.gap}") or "–"


def _plain(value: Any) -> str:
    return f"{value:g}" if is_number(value) else str(value)
