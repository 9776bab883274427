"""`tuneworth compare`: compare judged runs."""

from pathlib import Path

import click

from ..core import Console
from .help import Grouped
from .options import code_option, common_options


@click.command(
    "compare",
    cls=Grouped,
    epilog='Example:  tuneworth compare runs/monday runs/today --gate "difference.low >= -0.03" --out compared',
)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--variant", metavar="NAME[=NAME]", help="The variant to compare, or one for each run (default: the candidates)."
)
@click.option(
    "--style",
    metavar="FILE|A|B",
    help="Score all outputs again first: by a style file, or by the style of the first run (A), the second (B), ...",
)
@click.option(
    "--gate", "gates", multiple=True, help='A condition on the comparison, such as "difference.low >= -0.03".'
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder for compare.html, compare.md, junit.xml and comparison.json.",
)
@click.option("--no-examples", is_flag=True, help="Omit all texts of the data from the files.")
@code_option
@common_options
def command(
    runs: tuple[Path, ...], variant: str | None, style: str | None, gates: tuple[str, ...], out: Path | None,
    no_examples: bool, allow_code: bool, talk: Console,
) -> None:  # fmt: skip
    """Compare RUNS, run folders or projects (their newest run), on the requests that they share.

    Each run is compared with the one before it, and the last with the first: which requests started or stopped working,
    which rules and parts of the requests changed, what the change in cost consists of, and why the verdicts differ.
    """
    from ..project import compare_runs

    compared = compare_runs(*runs, variant=variant, style=style, gates=gates, allow_code=allow_code, talk=talk)
    written = [] if out is None else compared.write(out, examples=not no_examples)
    page = f"\n\nPage: {written[0]}" if written else ""
    talk.answer(f"{compared.text}{page}", {**compared.results, "written": [str(path) for path in written]})
    compared.check_gates()  # after the files are written
    talk.next(f"open {written[0]}" if written else "the same command with --out FOLDER, for the page with all texts")
