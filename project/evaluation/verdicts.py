"""The verdicts of a run: the settings behind each, and what has changed since."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from ...core import sha256_file
from ...evaluate import Evaluated, same_results, write_evaluated
from ...evaluate.results import RESULTS, ChangedSetting, EarlierVerdict, Verdict
from ...style import StyleSchema
from ..project import Project
from ..run import Run

# Keys that apply to existing outputs. Other keys of [evaluate] take effect with new outputs.
_COMPARISON = frozenset({"margin", "facts_margin", "baseline", "candidate", "rivals"})
_VARIANT = frozenset({"repair", "tuned", "fallback", "template"})
Stated = Mapping[str, Any]
Changes = list[ChangedSetting]


def stated_by(project: Project | None, style: StyleSchema, own: Stated | None = None) -> dict[str, Any]:
    """The settings that a verdict depends on, by dotted key, with `style` as a fingerprint of the style's files.

    `own` are those stated in a call; they override the project's.
    """
    config = {} if project is None else project.resolved
    sections = {section: config.get(section) or {} for section in ("roi", "evaluate")}
    kept = {key: value for key, value in _flat(sections) if _applies(key)}
    for key, value in (own or {}).items():
        kept = {known: old for known, old in kept.items() if known != key and not known.startswith(f"{key}.")}
        kept |= dict(_flat({key: value}))
    files = "".join(f"{role} {sha256_file(path)}\n" for role, path in style.sources)
    return kept | {"style": hashlib.sha256(files.encode()).hexdigest()[:16] if files else None}


def unapplied(config: Mapping[str, Any], project: Project) -> list[str]:
    """The keys of [evaluate] that have changed since the run was made and only take effect with new outputs."""
    before, now = (dict(_flat({"evaluate": part.get("evaluate") or {}})) for part in (config, project.resolved))
    return [key for key in {**before, **now} if before.get(key) != now.get(key) and not _applies(key)]


def _applies(key: str) -> bool:
    """Whether this key applies to existing outputs."""
    section, _, rest = key.partition(".")
    return section == "roi" or rest in _COMPARISON or ("." in rest and rest.rpartition(".")[2] in _VARIANT)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def changes(before: Stated, now: Stated) -> Changes:
    """Each setting that differs; None where it is not stated."""
    return [
        ChangedSetting(key=key, from_=before.get(key), to=now.get(key))
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]


def keep_evaluated(
    run: Run, evaluated: Evaluated, stated: Stated, *, write: Callable[[Evaluated, Path], None] = write_evaluated
) -> Changes:
    """Write an evaluation into the run, with its earlier verdicts; returns the settings that changed since the last one.

    A verdict that differs, or was given by other settings, is added to the earlier ones: `verdicts` of results.json.
    """
    before, decided = run.results, run.facts.get("decided") or {}
    verdict, verdicts = (None, []) if before is None else (before.verdict, list(before.verdicts))
    changed = changes(decided["stated"], stated) if decided else []
    new = not decided
    if before is not None and verdict is not None and (changed or _differ(verdict, evaluated.results.verdict)):
        given = decided.get("created") or before.created
        verdicts.append(
            EarlierVerdict(created=given, decision=verdict.decision, sentence=verdict.sentence, changed=changed)
        )
        new = True
    evaluated = replace(evaluated, results=structs.replace(evaluated.results, verdicts=verdicts))
    if not same_results(evaluated.results, before):
        write(evaluated, run.folder)
        run.keep(run.folder / RESULTS, evaluated.results)
    if new or changed:
        run.update(decided={"created": datetime.now(UTC).isoformat(timespec="seconds"), "stated": dict(stated)})
    return changed


def _differ(before: Verdict, now: Verdict | None) -> bool:
    return now is None or (before.decision, before.sentence) != (now.decision, now.sentence)
