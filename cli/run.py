"""`tuneworth run`: curate, train, evaluate, report."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ..core import Talk, say
from ..evaluate import RUN_ADAPTER
from .options import common_options
from .reading import code_option

if TYPE_CHECKING:
    from ..evaluate import EvaluateSettings

__all__ = ["command", "run_project"]


@click.command("run", epilog="Example:  tuneworth run examples/components")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--run", "name", help="Go on with this run: stages that are done are kept.")
@click.option(
    "--gate", "gates", multiple=True, help='A condition on the results, such as "quality.tuned.acceptable.low >= 0.9".'
)
@code_option
@common_options
def command(project: Path | None, name: str | None, gates: tuple[str, ...], allow_code: bool, talk: Talk) -> None:
    """Curate, train, evaluate and report in one go.

    PROJECT is a folder with tuneworth.toml, the current one if left out. All that the later stages need is checked
    before the first one starts.
    """
    run_project(project, talk, name=name, gates=gates, allow_code=allow_code)


def run_project(
    project_path: Path | None,
    talk: Talk,
    *,
    name: str | None = None,
    gates: tuple[str, ...] = (),
    allow_code: bool = False,
) -> None:
    """All stages of a project, with the answer printed at the end."""
    from ..project import (
        check_addresses,
        check_endpoints,
        check_project,
        check_prompts,
        curate_stage,
        evaluate_stage,
        find_run,
        finished,
        load,
        new_run,
        nothing_half_written,
        parse_gate,
        read_project,
        record_gates,
        report_stage,
        train_stage,
        wanted_outputs,
    )
    from ..reports import curated_text, verdict_text

    wanted = [parse_gate(text) for text in gates]
    project = read_project(project_path, allow_code=allow_code)
    local, trains = _here(project.evaluate)
    check_project(project, train=local)
    if not name:  # a run that goes on may hold every answer already
        check_addresses(project)
    run = find_run(project, name) if name else new_run(project, talk, command="tuneworth run")
    if not (run / "curate" / "summary.json").is_file():
        with nothing_half_written(run):
            talk.note(curated_text(curate_stage(project, run, talk)))
    check_endpoints(project, run, wanted_outputs(project, run, talk, adapter=run / "train" / "adapter"), talk)
    loaded = load(project, talk) if local else None
    if loaded is not None:
        check_prompts(project, run, talk, loaded)
    if trains and finished(project, run, talk) is None:
        summary = train_stage(project, run, talk, loaded=loaded)
        talk.note(
            f"train: {say.count(summary['steps'], 'step')} in {say.duration(summary['seconds'])}, "
            f"{say.count(summary['tokens_per_second'])} tokens/s, "
            f"validation loss {_number(summary['validation_loss'])} at step {summary['best_step']}"
        )
    results = evaluate_stage(project, run, talk, loaded=loaded)
    gates_failed = record_gates(run, wanted, results)
    report, *_ = report_stage(run)
    talk.answer(
        f"\n{verdict_text(results)}\n\nReport: {report}", {"run": str(run), "report": str(report), **_brief(results)}
    )
    if gates_failed is not None:  # the report is there all the same
        raise gates_failed
    talk.next(f"open {report}, or ask what happened to a row: tuneworth why {quote(str(run))} ROW")


def _here(settings: "EvaluateSettings") -> tuple[bool, bool]:
    """Whether the model of [train] is needed on this machine, and whether an adapter is to be trained for it."""
    own = {name: settings.of(name) for name in settings.variants}
    local = {name: variant for name, variant in own.items() if variant.source is None}
    trains = any(v.adapter == RUN_ADAPTER or (n == "tuned" and v.adapter is None) for n, v in local.items())
    return trains or any(variant.model is None for variant in local.values()), trains


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _brief(results: dict) -> dict:
    return {key: results[key] for key in ("verdict", "quality", "comparison", "money", "gates")}
