"""`tuneworth evaluate`: race the variants and give the verdict."""

from pathlib import Path
from typing import Any

import click

from ..core import Console, Fix
from .help import Grouped
from .options import RunName, code_option, common_options, limit_option

EXAMPLE = (
    "Example:  tuneworth evaluate --pairs test.jsonl --outputs prompted=a.jsonl --outputs tuned=b.jsonl "
    "--style style.yaml --out judged"
)


_GROUPS = {
    "Options": "--dry-run --run --gate",
    "Outputs that were collected elsewhere": "--pairs --outputs --style --out --money --baseline --candidate --repair --limit",
}


@click.command("evaluate", cls=Grouped, groups=_GROUPS, epilog=EXAMPLE)
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--pairs", type=click.Path(path_type=Path), help="The test pairs of collected outputs.")
@click.option(
    "--outputs", multiple=True, metavar="NAME=FILE", help="A variant's collected outputs; once for each variant."
)
@click.option(
    "--style", "style_path", type=click.Path(path_type=Path), help="The style schema (default: the project's)."
)
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write to (with --pairs).")
@click.option(
    "--money",
    type=click.Path(path_type=Path),
    help="A TOML file with a [roi] table: volume, prices and investment (with --pairs; default: the project's).",
)
@click.option(
    "--repair", multiple=True, metavar="NAME=safe|unsafe",
    help="Repair a variant's outputs by the style before scoring (with --pairs).",
)  # fmt: skip
@limit_option
@click.option("--baseline", help="The untrained variant in use today (default prompted, or the first).")
@click.option("--candidate", help="The variant to judge (default tuned, or the second).")
@click.option("--run", "name", type=RunName(), help="The run to evaluate (default: the newest).")
@click.option(
    "--gate", "gates", multiple=True, help='A condition on the results, such as "quality.tuned.acceptable.low >= 0.9".'
)
@click.option(
    "--dry-run", "--plan", is_flag=True,
    help="Show the requests to each endpoint and the rivals with their cost; send nothing.",
)  # fmt: skip
@code_option
@common_options
def command(
    project: Path | None, pairs: Path | None, outputs: tuple[str, ...], style_path: Path | None, out: Path | None,
    money: Path | None, repair: tuple[str, ...], limits: dict[str, str | int] | None,
    baseline: str | None, candidate: str | None, name: str | None, gates: tuple[str, ...],
    dry_run: bool, allow_code: bool, talk: Console,
) -> None:  # fmt: skip
    """Race the variants on the held-out pairs and give the verdict.

    PROJECT is a folder with tuneworth.toml (default: the current one). With --pairs and --outputs, outputs that were
    collected elsewhere are judged; no model is needed.
    """
    from ..core import ConfigError, as_json
    from ..project import evaluate_run, judge_outputs
    from ..reports import verdict_text

    collected = pairs is not None or bool(outputs)
    if dry_run:
        from .words.evaluate_plan import print_plan

        if collected:
            raise ConfigError("--dry-run needs a project; judging collected outputs sends no requests")
        print_plan(project, name, talk, allow_code=allow_code)
        return
    if collected:
        if pairs is None or not outputs or out is None:
            raise ConfigError(
                "collected outputs need --pairs FILE, --outputs NAME=FILE (once for each variant) and --out DIR"
            )
        run = judge_outputs(
            pairs, _named(outputs), style_path, project=project, baseline=baseline, candidate=candidate, gates=gates,
            money=money, repair=_repairs(repair), limits=limits, out=out, allow_code=allow_code, talk=talk,
        )  # fmt: skip
    else:
        if style_path or out or money or baseline or candidate or repair or limits:
            raise ConfigError(
                "--style, --out, --money, --repair, --limit, --baseline and --candidate need --pairs and --outputs; "
                "a project sets them in its file"
            )
        run = evaluate_run(project, run=name, gates=gates, allow_code=allow_code, talk=talk)
    if run.results is not None:
        data = {"run": str(run.folder), "report": str(run.report), **as_json(run.results)}
        talk.answer(f"{verdict_text(run.results)}\n\nReport: {run.report}", data)
    run.check_gates()  # after the report is written
    talk.next(f"open {run.report}")


def _repairs(repairs: tuple[str, ...]) -> dict[str, Fix]:
    """The repair of each named variant. Raises: ConfigError if one is not written as NAME=safe."""
    from ..core import ConfigError

    stated: dict[str, Any] = {}
    for text in repairs:
        name, sign, repair = text.partition("=")
        if not sign:
            raise ConfigError(f'--repair "{text}": expected NAME=safe or NAME=unsafe')
        stated[name] = repair
    return stated


def _named(outputs: tuple[str, ...]) -> dict[str, Path]:
    """The file of each variant. Raises: ConfigError if one is not written as NAME=FILE, or a name is repeated."""
    from ..core import ConfigError

    files: dict[str, Path] = {}
    for text in outputs:
        name, sign, file = text.partition("=")
        if not sign or not name or not file:
            raise ConfigError(f'--outputs "{text}": expected NAME=FILE, such as tuned=outputs.jsonl')
        if name in files:
            raise ConfigError(f'--outputs names the variant "{name}" twice')
        files[name] = Path(file)
    return files
