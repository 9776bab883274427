"""The evaluation of a run: outputs of every variant, their scores, the money, the risks, the verdict."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ..core import ConfigError, DataError, Talk
from ..curate import read_split
from ..evaluate import (
    AUTO,
    Choice,
    EvaluateSettings,
    RoiSettings,
    Surroundings,
    Variant,
    check_roi,
    choose_baseline,
    cost_of_request,
    evaluate_outputs,
    groups_of,
    read_roi,
    score_outputs,
    tokens_of,
    write_evaluated,
)
from ..train import refresh_card
from .gather import Asked, Gathered, check_prompts, gather, wanted_outputs
from .learning_curve import read_curve
from .project import PROJECT_FILE, Project
from .runs import Stopwatch, read_run, test_set_uses, update_run
from .stages import compared, seed_of
from .train import trained

if TYPE_CHECKING:
    from ..train import LoadedModel

__all__ = ["check_prompts", "evaluate_stage", "surroundings"]


def evaluate_stage(
    project: Project, run: Path, talk: Talk, *, loaded: "LoadedModel | None" = None, on_cluster: bool = False
) -> dict[str, Any]:
    """`outputs.jsonl` and `results.json` of the run; the results.

    `on_cluster`: workers of the cluster of `[cluster]` write the outputs of models, whose weights this process never
    holds then. Files and endpoints, scores and verdict stay here.
    """
    settings, seed = project.evaluate, seed_of(run, talk)
    train, test, adapter = read_split(run, "train"), read_split(run, "test"), run / "train" / "adapter"
    asked = wanted_outputs(project, run, talk, adapter=adapter if adapter.is_dir() else None)
    variants, pairs = [each.variant for each in asked if each.part == "test"], asked[0].pairs
    if not len(pairs):
        raise DataError(f"no test pairs in {run}: there is nothing to judge on (see curate/summary.json)")
    if len(pairs) < len(test):
        talk.note(f"evaluate: {len(pairs)} of {len(test)} test pairs, a seeded sample (max_pairs)")
    roi = None if project.roi is None else read_roi(project.roi)
    if roi is not None:
        check_roi(roi, settings.variants, required=compared(project))
    watch = Stopwatch()
    with _cluster(project, variants) if on_cluster else nullcontext() as ray:
        gathered = gather(project, run, asked, talk, loaded=loaded, probed=_probed(settings, variants), ray=ray)
    choice = _choice(project, gathered, asked, roi, seed=seed)
    if choice.how == "validation":
        talk.note(f"evaluate: the baseline is {choice.baseline}, chosen on {choice.n} validation pairs")
    fingerprint, uses = test_set_uses(run, pairs["id"].to_list())
    # Outputs that were there already took their time in an earlier call.
    seconds = max(watch.seconds(), read_run(run)["seconds"].get("evaluate", 0))
    update_run(run, seconds={"evaluate": seconds}, inputs=project.inputs, test_set=fingerprint, test_set_used=uses)
    around = replace(
        surroundings(run, train, tested=len(pairs), of=len(test)),
        choice=choice.to_json(),
        on_train=None if gathered.probes is None else gathered.probes.on_train,
        forgetting=None if gathered.probes is None else gathered.probes.forgetting,
    )
    evaluated = evaluate_outputs(
        pairs, [gathered.raw[variant.name, "test"] for variant in variants], project.style,
        baseline=choice.baseline, candidate=settings.candidate, margin=settings.margin, roi=roi, around=around,
        seed=seed,
    )  # fmt: skip
    write_evaluated(evaluated, run)
    refresh_card(run)
    return evaluated.results


def _cluster(project: Project, variants: Sequence[Variant]) -> AbstractContextManager[Any]:
    """The connection to the project's cluster, before anything is asked of anybody."""
    if project.cluster is None:
        raise ConfigError(
            f'--cluster needs a section [cluster] in {project.folder / PROJECT_FILE}: address = "auto" is the cluster '
            "that this machine belongs to"
        )
    if not any(variant.local for variant in variants):
        raise ConfigError(
            "--cluster is for variants with a model of their own; files and endpoints are asked from here"
        )
    from ..evaluate import connected

    return connected(project.cluster)


def _probed(settings: EvaluateSettings, variants: Sequence[Variant]) -> Variant | None:
    """The candidate, where it is a tuned model on this machine and the project wants it probed."""
    found = next((variant for variant in variants if variant.name == settings.candidate), None)
    return found if settings.probes and found is not None and found.source == "adapter" else None


def _choice(
    project: Project, gathered: Gathered, asked: Sequence[Asked], roi: RoiSettings | None, *, seed: int
) -> Choice:
    """The baseline: as stated, the only one, or chosen on validation pairs where there are several."""
    settings = project.evaluate
    stated = None if settings.baseline == AUTO else settings.baseline
    scores, costs, groups = {}, {}, None
    for each in asked:
        if each.part != "validation":
            continue
        name, raw, groups = each.variant.name, gathered.raw[each.variant.name, each.part], groups_of(each.pairs)
        scored = score_outputs(each.pairs, raw.outputs, project.style, count_tokens=raw.count_tokens)
        scores[name] = scored.items["acceptable"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        tokens = tokens_of(scored.table, np.ones(len(scored.table), dtype=bool), raw.fixed_tokens)
        counted = (tokens[key] for key in ("fixed", "input", "output"))
        costs[name] = None if roi is None else cost_of_request(roi, name, *counted)
    # Files of outputs hold no validation pairs: with them alone the first contender is taken.
    only = stated or (settings.contenders[0] if not scores else None)
    return choose_baseline(scores, groups, costs=costs, margin=settings.margin, stated=only, seed=seed)


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
        data, trained(run), provenance, train, validity(data), learning_curve=read_curve(run),
        project=facts.get("project", ""), created=facts.get("created", ""),
    )  # fmt: skip


def validity(data: dict[str, Any] | None) -> list[dict[str, str]]:
    """What makes the comparison invalid before any output is looked at."""
    leaks = ((data or {}).get("certificate") or {}).get("pairs_at_or_above") or 0
    if not leaks:
        return []
    return [{"what": "data", "text": f"{leaks} held-out pairs repeat a training pair with the same facts"}]


def _json(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
