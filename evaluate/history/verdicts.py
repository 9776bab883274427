"""The verdicts of two runs side by side, and what they rest on that differs."""

from collections.abc import Mapping
from typing import Any

from .judged import Judged

__all__ = ["both_verdicts", "changed_context"]


def both_verdicts(before: Judged, after: Judged) -> dict[str, Any]:
    """`verdicts` of the comparison: both decisions, and each figure behind them that differs."""
    bases = [_basis(side.results) for side in (before, after)]
    keys = [key for key in bases[0] if bases[0][key] != bases[1][key]]
    decisions = [(side.results.get("verdict") or {}).get("decision") for side in (before, after)]
    return {
        **{role: _verdict(side.results) for role, side in (("before", before), ("after", after))},
        "same": decisions[0] == decisions[1],
        "basis": [{"key": key, "before": bases[0][key], "after": bases[1][key]} for key in keys],
        "settings": _changed_settings(before, after),
    }


def _changed_settings(before: Judged, after: Judged) -> list[dict[str, Any]]:
    """The settings that a verdict depends on and that differ, by dotted key; none if a run does not know its own."""
    first, second = ((side.facts.get("decided") or {}).get("stated") for side in (before, after))
    if first is None or second is None:
        return []
    return [
        {"key": key, "before": first.get(key), "after": second.get(key)}
        for key in dict.fromkeys([*first, *second])
        if first.get(key) != second.get(key)
    ]


def _verdict(results: Mapping[str, Any]) -> dict[str, Any] | None:
    verdict = results.get("verdict")
    return (
        None if not verdict else {key: verdict.get(key) for key in ("decision", "what", "rule", "sentence", "reasons")}
    )


def _basis(results: Mapping[str, Any]) -> dict[str, Any]:
    """What a verdict rests on, by key; None where the run does not know it."""
    verdict, comparison, money = (results.get(key) or {} for key in ("verdict", "comparison", "money"))
    gap = comparison.get("difference") or {}
    quality = results.get("quality") or {}
    candidate, rival = comparison.get("candidate"), comparison.get("baseline")
    return {
        "what": verdict.get("what"),
        "candidate": candidate,
        "strongest": rival,
        "acceptable_candidate": _acceptable(quality, candidate),
        "acceptable_strongest": _acceptable(quality, rival),
        "difference": None if gap.get("value") is None else {end: gap.get(end) for end in ("value", "low", "high")},
        "n": comparison.get("n"),
        "saving_per_request": money.get("saving_per_request"),
        "requests_per_day": money.get("requests_per_day"),
        "investment": money.get("investment"),
        "payback_days": money.get("payback_days"),
        "npv": money.get("npv"),
        "risks_over": sorted(str(risk.get("id")) for risk in results.get("risks") or [] if risk.get("status") == "over"),
        "validity": sorted(str(entry.get("text")) for entry in results.get("validity") or []),
    }  # fmt: skip


def _acceptable(quality: Mapping[str, Any], name: str | None) -> float | None:
    return ((quality.get(name or "") or {}).get("acceptable") or {}).get("share")


def changed_context(before: Judged, after: Judged) -> list[dict[str, Any]]:
    """What else differs between the runs: `{what, before, after}` of files, models, versions and settings of the prompt."""
    entries = [_context(side) for side in (before, after)]
    keys = dict.fromkeys([*entries[0], *entries[1]])
    return [
        {"what": key, "before": entries[0].get(key), "after": entries[1].get(key)}
        for key in keys
        if entries[0].get(key) != entries[1].get(key)
    ]


def _context(side: Judged) -> dict[str, Any]:
    provenance = side.results.get("provenance") or {}
    variant = (side.results.get("variants") or {}).get(side.variant) or {}
    files: dict[str, Any] = {}
    for entry in side.facts.get("inputs") or provenance.get("inputs") or []:
        role = entry.get("role") or entry.get("path")
        if role and not str(role).startswith("outputs of"):
            own = f"file: {role}" if f"file: {role}" not in files else f"file: {role}, {entry.get('path')}"
            files[own] = str(entry.get("sha256") or "")[:12] or None
    described = {
        key: variant.get(key)
        for key in ("source", "way", "model", "endpoint", "repair", "guide", "guide_tokens", "few_shot")
    }
    settings = {f"setting: {key}": value for key, value in (variant.get("settings") or {}).items()}
    for section in ("data", "curate", "train"):
        stated = (side.facts.get("config") or {}).get(section) or {}
        settings |= {f"setting: {section}.{key}": value for key, value in stated.items()}
    settings = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    version = (provenance.get("versions") or {}).get("tuneworth")
    return {
        "variant": side.variant,
        **described,
        **settings,
        **files,
        "seed": provenance.get("seed"),
        "tuneworth": version,
    }
