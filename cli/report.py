"""`tuneworth report`: the report of a finished run."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from ..core import Talk
from .options import common_options

__all__ = ["command"]


@click.command("report", epilog="Example:  tuneworth report examples/components --no-examples")
@click.argument("run", required=False, type=click.Path(path_type=Path), default=Path())
@click.option("--no-examples", is_flag=True, help="Leave every text of the data out.")
@click.option(
    "--judgements", "files", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="What a person preferred, saved by the report's “Judge blind”; once for each person.",
)  # fmt: skip
@common_options
def command(run: Path, no_examples: bool, files: tuple[Path, ...], talk: Talk) -> None:
    """Write report.html, report.md and junit.xml of RUN, a run folder or a project (its newest run).

    Judgements stay in the run's results.json for later reports; those given next replace them.
    """
    from ..project import report_stage, run_folder

    folder = run_folder(run)
    if files:
        _take_judgements(folder, files)
    written = report_stage(folder, examples=not no_examples)
    talk.answer(
        "\n".join(f"Written: {path}" for path in written), {"run": str(folder), "written": [str(p) for p in written]}
    )
    talk.next(f"open {written[0]}")


def _take_judgements(folder: Path, files: Sequence[Path]) -> None:
    """Count the judgements of these files and put them into results.json in place of earlier ones.

    Raises: DataError where a file is none of judgements of this run, or there is nothing in it.
    """
    from ..core import DataError, sha256_file, write_whole
    from ..evaluate import JudgedRun, judgement_results, read_judgements
    from ..reports import read_run

    stored = read_run(folder)
    outputs = folder / "evaluate" / "outputs.jsonl"
    baseline, candidate = stored.baseline, stored.candidate
    if not outputs.is_file() or baseline is None or candidate is None:
        raise DataError(f"{folder}: no two variants were compared in this run, so there is nothing to have judged")
    run = JudgedRun(
        outputs=sha256_file(outputs), baseline=baseline, candidate=candidate,
        groups={id_: pair.get("group") for id_, pair in stored.pairs.items()},
        acceptable={id_: _acceptable(stored.outputs, id_, baseline, candidate) for id_ in stored.pairs},
    )  # fmt: skip
    found = judgement_results(read_judgements(files, run), run)
    if found is None:
        raise DataError(f"{files[0]}: no choice in it yet")
    text = json.dumps({**stored.results, "judgements": found}, ensure_ascii=False, indent=2)
    write_whole(folder / "results.json", text.encode("utf-8", errors="replace"))


def _acceptable(
    outputs: dict[tuple[str, str], dict], id_: str, baseline: str, candidate: str
) -> tuple[bool, bool] | None:
    """Whether each side's output is acceptable; None where one was not scored. A missing output is not acceptable."""
    found = [outputs.get((id_, name), {"acceptable": False}).get("acceptable") for name in (baseline, candidate)]
    return None if None in found else (bool(found[0]), bool(found[1]))
