"""The evaluation of a run: outputs of every variant, their scores, the money, the risks, the verdict."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ..core import ConfigError, DataError, Talk
from ..evaluate import (
    AUTO,
    AnswerStore,
    Choice,
    EvaluateSettings,
    RoiSettings,
    RunContext,
    Variant,
    check_roi,
    choose_baseline,
    cost_of_request,
    evaluate_outputs,
    groups_of,
    score_outputs,
    tokens_of,
    write_evaluated,
)
from ..train import refresh_card
from .gates import parse_gate
from .gather.asking import Remote, remote_of
from .gather.gathering import Gathered, gather
from .gather.wanted import Asked, wanted_outputs
from .learning_curve import read_curve
from .load import compared
from .project import PROJECT_FILE, Project
from .report import finish_evaluation
from .run import At, Run, heard, open_run
from .runs import Stopwatch, test_set_uses
from .trained import trained

if TYPE_CHECKING:
    from ..train import LoadedModel

__all__ = ["evaluate_run", "evaluate_stage", "plan_evaluation"]


def evaluate_run(
    project: At = None,
    *,
    run: str | None = None,
    gates: Sequence[str] = (),
    cluster: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Talk | None = None,
) -> Run:
    """Race the project's variants on the test pairs of its newest run, or of the one named `run`: verdict and report.

    `gates` are conditions on the results; `check_gates` of the run raises on failed ones. With `cluster` the workers
    that [cluster] names generate the outputs of models.

    Raises: ConfigError, DataError or ModelError for wrong input; RunBroken if an endpoint or `max_cost` ends it.
    """
    talk, wanted = heard(talk, seed), [parse_gate(text) for text in gates]
    opened = open_run(project, run, allow_code=allow_code, talk=talk)
    evaluate_stage(opened, on_cluster=cluster)
    return finish_evaluation(opened, wanted)


def plan_evaluation(
    project: At = None,
    *,
    run: str | None = None,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Talk | None = None,
) -> tuple[list[Asked], Remote, AnswerStore]:
    """What `evaluate_run` would request: all outputs, those of endpoints, and the answers that exist already.

    Raises: ConfigError if the evaluation would be refused for personal data, prices or addresses.
    """
    opened = open_run(project, run, allow_code=allow_code, talk=heard(talk, seed))
    wanted = wanted_outputs(opened, adapter=opened.adapter)
    remote = remote_of(opened, wanted)
    store = AnswerStore(remote.file)
    remote.check_privacy(store)
    return wanted, remote, store


def evaluate_stage(run: Run, *, loaded: "LoadedModel | None" = None, on_cluster: bool = False) -> dict[str, Any]:
    """`outputs.jsonl` and `results.json` of the run; the results.

    `on_cluster`: workers of the cluster of `[cluster]` generate the outputs of models, whose weights this process never
    loads. Files and endpoints, scores and verdict are handled here.
    """
    project, settings, test = run.project, run.project.evaluate, run.test
    asked = wanted_outputs(run, adapter=run.adapter if run.adapter.is_dir() else None)
    variants, pairs = [each.variant for each in asked if each.part == "test"], asked[0].pairs
    if not len(pairs):
        raise DataError(f"no test pairs in {run.folder}: there is nothing to judge on (see curate/summary.json)")
    if len(pairs) < len(test):
        run.talk.note(f"evaluate: {len(pairs)} of {len(test)} test pairs, a seeded sample (max_pairs)")
    if (roi := project.roi_settings) is not None:
        check_roi(roi, settings.variants, required=compared(project))
    watch = Stopwatch()
    with _cluster(project, variants) if on_cluster else nullcontext() as ray:
        gathered = gather(run, asked, loaded=loaded, probed=_probed(settings, variants), ray=ray)
    choice = _choice(run, gathered, asked, roi)
    if choice.how == "validation":
        run.talk.note(f"evaluate: the baseline is {choice.baseline}, chosen on {choice.n} validation pairs")
    fingerprint, uses = test_set_uses(run.folder, pairs["id"].to_list())
    # The time of existing outputs was counted in an earlier call.
    seconds = max(watch.seconds(), run.facts["seconds"].get("evaluate", 0))
    run.update(seconds={"evaluate": seconds}, inputs=project.inputs, test_set=fingerprint, test_set_used=uses)
    context = replace(
        _run_context(run, tested=len(pairs), of=len(test)),
        choice=choice.to_json(),
        on_train=None if gathered.probes is None else gathered.probes.on_train,
        forgetting=None if gathered.probes is None else gathered.probes.forgetting,
    )
    evaluated = evaluate_outputs(
        pairs, [gathered.raw[variant.name, "test"] for variant in variants], project.style,
        baseline=choice.baseline, candidate=settings.candidate, margin=settings.margin, roi=roi, context=context,
        seed=run.seed,
    )  # fmt: skip
    write_evaluated(evaluated, run.folder)
    run.keep(run.folder / "results.json", evaluated.results)
    refresh_card(run.folder)
    return evaluated.results


def _cluster(project: Project, variants: Sequence[Variant]) -> AbstractContextManager[Any]:
    """The connection to the project's cluster, before any request is sent."""
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


def _choice(run: Run, gathered: Gathered, asked: Sequence[Asked], roi: RoiSettings | None) -> Choice:
    """The baseline: as stated, the only one, or chosen on validation pairs where there are several."""
    settings = run.project.evaluate
    stated = None if settings.baseline == AUTO else settings.baseline
    scores, costs, groups = {}, {}, None
    for each in asked:
        if each.part != "validation":
            continue
        name, raw, groups = each.variant.name, gathered.raw[each.variant.name, each.part], groups_of(each.pairs)
        scored = score_outputs(each.pairs, raw.outputs, run.project.style, count_tokens=raw.count_tokens)
        scores[name] = scored.items["acceptable"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        tokens = tokens_of(scored.table, np.ones(len(scored.table), dtype=bool), raw.fixed_tokens)
        counted = (tokens[key] for key in ("fixed", "input", "output"))
        costs[name] = None if roi is None else cost_of_request(roi, name, *counted)
    # Files of outputs hold no validation pairs: with them alone the first contender is taken.
    only = stated or (settings.contenders[0] if not scores else None)
    return choose_baseline(scores, groups, costs=costs, margin=settings.margin, stated=only, seed=run.seed)


def _run_context(run: Run, *, tested: int, of: int) -> RunContext:
    """What the earlier stages wrote to the run folder, for the results."""
    facts = run.facts
    data = {**run.curation, "tested": {"pairs": tested, "of": of}} if run.curation else None
    provenance = {
        key: facts.get(key)
        for key in ("versions", "seed", "inputs", "hardware", "seconds", "test_set_used", "command", "model")
    }
    return RunContext(
        data, trained(run.folder), provenance, run.train, _validity(data), learning_curve=read_curve(run.folder),
        project=facts.get("project", ""), created=facts.get("created", ""),
    )  # fmt: skip


def _validity(data: dict[str, Any] | None) -> list[dict[str, str]]:
    """What makes the comparison invalid before any output is looked at."""
    leaks = ((data or {}).get("certificate") or {}).get("pairs_at_or_above") or 0
    if not leaks:
        return []
    return [{"what": "data", "text": f"{leaks} held-out pairs repeat a training pair with the same facts"}]
