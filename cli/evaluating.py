"""The evaluation of a run: outputs of every variant, their scores, the money, the risks, the verdict."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ..curate import read_split
from ..evaluate import Surroundings, check_roi, evaluate_outputs, read_roi, write_evaluated
from ..style import DataError
from ..train.scores import refresh_card
from .gathering import Asked, check_prompts, gather, variants_of
from .project import Project
from .runs import Stopwatch, read_run, test_set_uses, update_run
from .stages import compared, sample, seed_of
from .talk import Talk
from .trained import trained

if TYPE_CHECKING:
    from ..train import LoadedModel

__all__ = ["check_prompts", "evaluate_stage", "surroundings"]


def evaluate_stage(project: Project, run: Path, talk: Talk, *, loaded: "LoadedModel | None" = None) -> dict[str, Any]:
    """`outputs.jsonl` and `results.json` of the run; the results."""
    settings, seed = project.evaluate, seed_of(run, talk)
    train, test = read_split(run, "train"), read_split(run, "test")
    pairs = sample(test, settings.max_pairs, seed=seed)
    if not len(pairs):
        raise DataError(f"no test pairs in {run}: there is nothing to judge on (see curate/summary.json)")
    if len(pairs) < len(test):
        talk.note(f"evaluate: {len(pairs)} of {len(test)} test pairs, a seeded sample (max_pairs)")
    adapter = run / "train" / "adapter"
    variants = variants_of(project, run, train, adapter=adapter if adapter.is_dir() else None, seed=seed)
    roi = None if project.roi is None else read_roi(project.roi)
    if roi is not None:
        check_roi(roi, settings.variants, required=compared(project))
    watch = Stopwatch()
    raw = gather(project, run, [Asked(variant, "test", pairs) for variant in variants], talk, loaded=loaded)
    fingerprint, uses = test_set_uses(run, pairs["id"].to_list())
    # Outputs that were there already took their time in an earlier call.
    seconds = max(watch.seconds(), read_run(run)["seconds"].get("evaluate", 0))
    update_run(run, seconds={"evaluate": seconds}, test_set=fingerprint, test_set_used=uses)
    evaluated = evaluate_outputs(
        pairs, [raw[variant.name, "test"] for variant in variants], project.style,
        baseline=settings.contenders[0], candidate=settings.candidate, margin=settings.margin,
        roi=roi, around=surroundings(run, train, tested=len(pairs), of=len(test)), seed=seed,
    )  # fmt: skip
    write_evaluated(evaluated, run)
    refresh_card(run)
    return evaluated.results


def surroundings(run: Path, train: pl.DataFrame, *, tested: int, of: int) -> Surroundings:
    """What the stages before left in the run folder, for the results."""
    facts = read_run(run)
    data = _json(run / "curate" / "summary.json")
    if data is not None:
        data["tested"] = {"pairs": tested, "of": of}
    provenance = {
        key: facts.get(key)
        for key in ("versions", "seed", "inputs", "hardware", "seconds", "test_set_used", "command", "model")
    }
    return Surroundings(
        data, trained(run), provenance, train, validity(data), facts.get("project", ""), facts.get("created", "")
    )


def validity(data: dict[str, Any] | None) -> list[dict[str, str]]:
    """What makes the comparison invalid before any output is looked at."""
    leaks = ((data or {}).get("certificate") or {}).get("pairs_at_or_above") or 0
    if not leaks:
        return []
    return [{"what": "data", "text": f"{leaks} held-out pairs repeat a training pair with the same facts"}]


def _json(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
