"""`tuneworth evaluate`: race the variants and give the verdict."""

from pathlib import Path

import click

from ..core import Talk
from .options import common_options
from .reading import code_option

__all__ = ["command"]

EXAMPLE = (
    "Example:  tuneworth evaluate --pairs test.jsonl --outputs prompted=a.jsonl --outputs tuned=b.jsonl "
    "--style style.yaml --out judged"
)


@click.command("evaluate", epilog=EXAMPLE)
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--pairs", type=click.Path(path_type=Path), help="The test pairs of collected outputs.")
@click.option(
    "--outputs", multiple=True, metavar="NAME=FILE", help="A variant's collected outputs; once for each variant."
)
@click.option(
    "--style", "style_path", type=click.Path(path_type=Path), help="The style schema; the project's if left out."
)
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write to; with --pairs.")
@click.option("--baseline", help="The variant to beat (default prompted, or the first).")
@click.option("--candidate", help="The variant in question (default tuned, or the second).")
@click.option("--run", "name", help="The run to evaluate; the newest one if left out.")
@click.option(
    "--gate", "gates", multiple=True, help='A condition on the results, such as "quality.tuned.acceptable.low >= 0.9".'
)
@click.option("--dry-run", is_flag=True, help="What would be asked of whom, and what it would cost; nothing is asked.")
@click.option(
    "--cluster", is_flag=True, help="Let workers of the cluster of [cluster] write the outputs of the project's models."
)
@code_option
@common_options
def command(
    project: Path | None, pairs: Path | None, outputs: tuple[str, ...], style_path: Path | None, out: Path | None,
    baseline: str | None, candidate: str | None, name: str | None, gates: tuple[str, ...],
    dry_run: bool, cluster: bool, allow_code: bool, talk: Talk,
) -> None:  # fmt: skip
    """Race the variants on the held-out pairs and give the verdict.

    PROJECT is a folder with tuneworth.toml, the current one if left out. With --pairs and --outputs, outputs that were
    collected elsewhere are judged, no model needed.
    """
    from ..core import ConfigError
    from ..project import evaluate_stage, find_run, parse_gate, read_project, record_gates, report_stage
    from ..reports import verdict_text

    wanted = [parse_gate(text) for text in gates]
    if cluster and (dry_run or pairs is not None or outputs):
        raise ConfigError("--cluster is for the outputs of a project's models; here no model is asked")
    if dry_run:
        from .evaluate_plan import tell_plan

        if pairs is not None or outputs:
            raise ConfigError("--dry-run is for a project's variants; collected outputs ask for nothing")
        project_read = read_project(project, allow_code=allow_code)
        tell_plan(project_read, find_run(project_read, name), talk)
        return
    if pairs is not None or outputs:
        from ..project import evaluate_collected

        run, results = evaluate_collected(
            project, pairs, outputs, style_path, out, baseline, candidate, talk, allow_code=allow_code
        )
    else:
        if style_path or out or baseline or candidate:
            raise ConfigError(
                "--style, --out, --baseline and --candidate go with --pairs and --outputs; a project's file names its own"
            )
        settings = read_project(project, allow_code=allow_code)
        run = find_run(settings, name)
        results = evaluate_stage(settings, run, talk, on_cluster=cluster)
    gates_failed = record_gates(run, wanted, results)
    report, *_ = report_stage(run)
    talk.answer(f"{verdict_text(results)}\n\nReport: {report}", {"run": str(run), "report": str(report), **results})
    if gates_failed is not None:  # the report is there all the same
        raise gates_failed
    talk.next(f"open {report}")
