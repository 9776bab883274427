"""The verdicts of a run: the settings behind each, and what has changed since."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...core import sha256_file
from ...evaluate import Evaluated, results_text, write_evaluated
from ...style import StyleSchema
from ..project import Project
from ..run import Run

__all__ = ["Changes", "changes", "keep_evaluated", "stated_by", "unapplied"]

# Keys that apply to existing outputs. Other keys of [evaluate] take effect with new outputs.
_COMPARISON = frozenset({"margin", "facts_margin", "baseline", "candidate", "rivals"})
_VARIANT = frozenset({"repair", "tuned", "fallback", "template"})
Stated = Mapping[str, Any]
Changes = list[dict[str, Any]]


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
    """`{key, from, to}` for each setting that differs; null where it is not stated."""
    return [
        {"key": key, "from": before.get(key), "to": now.get(key)}
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
    results, verdict = evaluated.results, before.get("verdict")
    changed = changes(decided["stated"], stated) if decided else []
    results["verdicts"] = list(before.get("verdicts") or [])
    if verdict and (changed or _differ(verdict, results["verdict"])):
        results["verdicts"].append(
            {
                "created": decided.get("created") or before.get("created"),
                "decision": verdict["decision"],
                "sentence": verdict["sentence"],
                "changed": changed,
            }
        )
    new = not decided or len(results["verdicts"]) > len(before.get("verdicts") or [])
    file = run.folder / "results.json"
    if not file.is_file() or file.read_bytes() != results_text(results):
        write(evaluated, run.folder)
        run.keep(file, results)
    if new or changed:
        run.update(decided={"created": datetime.now(UTC).isoformat(timespec="seconds"), "stated": dict(stated)})
    return changed


def _differ(before: Mapping[str, Any], now: Mapping[str, Any] | None) -> bool:
    return now is None or any(before[key] != now[key] for key in ("decision", "sentence"))
