"""The evaluation of a run: outputs of every variant, their scores, the money, the risks, the verdict."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
from msgspec import structs

from ...core import Console, DataError, alone_in_run, read_record
from ...curate import Curation, Tested, copied_in_train
from ...evaluate import (
    AUTO,
    AnswerStore,
    Evaluated,
    EvaluateSettings,
    Raw,
    RunContext,
    Variant,
    evaluate_outputs,
)
from ...evaluate.results import Problem
from ...train import refresh_card
from ..gather.baselines import PlannedRival, planned_rivals
from ..gather.gathering import gather
from ..gather.output_plan import OutputSet, required_outputs
from ..gather.sources import Remote, remote_of
from ..load import check_costs
from ..run import TRAINED, At, Run, console_for, open_run, resumable
from ..runs import Stopwatch, provenance_of, test_set_uses
from ..training.trained import read_curve, trained
from .finish import finish_evaluation
from .gate_paths import Gate, project_gates
from .verdicts import keep_evaluated, stated_by

if TYPE_CHECKING:
    from ...train import LoadedModel

SUMMARY = "curate/summary.json"


def evaluate_run(
    project: At = None,
    *,
    run: str | None = None,
    gates: Sequence[str] = (),
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> Run:
    """Compare the project's variants on the test pairs of its newest run, or of the named `run`: verdict and report.

    `gates` are conditions on the results; `check_gates` of the run raises if one fails.

    Raises: ConfigError, DataError or ModelError for wrong input; RunBroken if an endpoint or `max_cost` stops it.
    """
    opened = open_run(project, run, parts=TRAINED, allow_code=allow_code, talk=console_for(talk, seed))
    conditions = project_gates(opened.project, gates)
    with alone_in_run(opened.folder), resumable(opened):
        evaluate_stage(opened, conditions)
    return opened


def plan_evaluation(
    project: At = None,
    *,
    run: str | None = None,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> tuple[list[OutputSet], Remote, AnswerStore, list[PlannedRival]]:
    """What `evaluate_run` would request: all outputs, those of endpoints, the answers that already exist, and rivals.

    Raises: ConfigError if personal data, prices or addresses would stop the evaluation.
    """
    opened = open_run(project, run, parts=TRAINED, allow_code=allow_code, talk=console_for(talk, seed))
    output_sets = required_outputs(opened, adapter=opened.adapter)
    remote = remote_of(opened, output_sets)
    store = AnswerStore(remote.file)
    return output_sets, remote, store, planned_rivals(opened, output_sets, store)


def _note_damaged(run: Run) -> None:
    """Say which stored outputs are generated again, as their lines are damaged."""
    if run.generated.exists():
        from ...evaluate import damaged_batches  # loads the packages of models

        if damaged := damaged_batches(run.generated):
            run.talk.note(f"note: {damaged}; those outputs are generated again")


def evaluate_stage(run: Run, gates: Sequence[Gate], *, loaded: "LoadedModel | None" = None) -> None:
    """Evaluate the run, and write its outputs, results and report."""
    project, settings, test = run.project, run.project.evaluate, run.test
    output_sets = required_outputs(run, adapter=run.adapter if run.adapter.is_dir() else None)
    variants, pairs = [output_set.variant for output_set in output_sets], output_sets[0].pairs
    if not len(pairs):
        raise DataError(f"{run.folder} has no test pairs, so nothing can be evaluated; see its curate/summary.json")
    if len(pairs) < len(test):
        run.talk.note(f"evaluate: {len(pairs)} of {len(test)} test pairs, a seeded sample (max_pairs)")
    check_costs(project)
    _note_damaged(run)
    watch = Stopwatch()
    gathered = gather(run, output_sets, loaded=loaded, probed=_probed(settings, variants))
    fingerprint, uses = test_set_uses(run.folder, pairs["id"].to_list())
    # An earlier call counted the time of existing outputs.
    seconds = max(watch.seconds(), run.facts["seconds"].get("evaluate", 0))
    with run.changing() as staged:
        staged.update(seconds={"evaluate": seconds}, inputs=project.inputs, test_set=fingerprint, test_set_used=uses)
        gathered.write_probes(staged.folder)
        context = replace(
            run_context(staged, tested=len(pairs), of=len(test)),
            left_out=gathered.left_out,
            on_train=None if gathered.probes is None else gathered.probes.on_train,
            forgetting=None if gathered.probes is None else gathered.probes.forgetting,
        )
        evaluated = evaluate_in_project(staged, pairs, list(gathered.raw.values()), context)
        keep_evaluated(staged, evaluated, stated_by(project, staged.style))
        refresh_card(staged.folder)
        run.gate_error = finish_evaluation(staged, gates)


def evaluate_in_project(run: Run, pairs: pl.DataFrame, raws: Sequence[Raw], context: RunContext) -> Evaluated:
    """The evaluation of these outputs by the project's style, its [evaluate] and its [roi]."""
    settings = run.project.evaluate
    check_costs(run.project)  # [roi] may have changed since the outputs were gathered
    with run.talk.progress("scoring"):
        return evaluate_outputs(
            pairs, raws, run.style, baseline=None if settings.baseline == AUTO else settings.baseline,
            candidate=settings.candidate, margin=settings.margin, settings=settings, roi=run.project.roi_settings,
            context=context, seed=run.seed,
        )  # fmt: skip


def _probed(settings: EvaluateSettings, variants: Sequence[Variant]) -> Variant | None:
    """The candidate, if it is a tuned model on this machine and `probes` is on."""
    candidate = next((variant for variant in variants if variant.name == settings.candidate), None)
    return candidate if settings.probes and candidate is not None and candidate.source == "adapter" else None


def run_context(run: Run, *, tested: int, of: int) -> RunContext:
    """The results of the earlier stages, from the run folder."""
    facts, data = run.facts, read_record(run.folder / SUMMARY, SUMMARY, Curation)
    if data is not None:
        data = structs.replace(data, tested=Tested(pairs=tested, of=of))
    leaks = 0 if data is None or data.certificate is None else data.certificate.pairs_at_or_above
    leaked = Problem(what="data", text=f"{leaks} held-out pairs repeat a training pair with the same facts")
    return RunContext(
        data, trained(run.folder), provenance_of(facts), run.train, [leaked] if leaks else [],
        learning_curve=read_curve(run.folder), identifiers=run.project.data.identifiers,
        copied=copied_in_train(run.folder), project=facts.get("project", ""), created=facts.get("created", ""),
    )  # fmt: skip
