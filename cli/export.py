"""`tuneworth export`: a run's clean splits in another format."""

from pathlib import Path
from shlex import quote

import click

from ..core import Talk
from .options import common_options

__all__ = ["command"]

FORMATS = ("openai", "trl", "csv", "parquet", "datasets")


@click.command("export", epilog="Example:  tuneworth export examples/components --format openai --out upload")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write to [default: RUN/export/FORMAT].")
@click.option(
    "--with-guide",
    is_flag=True,
    help="Restore, in each pair, the system message that curate removed from nearly all rows.",
)
@common_options
def command(run: Path, kind: str, out: Path | None, with_guide: bool, talk: Talk) -> None:
    """Write the clean splits of RUN in another format: OpenAI chat lines, TRL, CSV, Parquet or a datasets folder.

    Texts are written as they are. A spreadsheet may take a CSV cell that begins with = for a formula: open files of
    unknown origin as text.
    """
    from ..curate import table_name
    from ..project import export_splits

    made = export_splits(run, kind, out=out, with_guide=with_guide)
    for caution in made.cautions:
        talk.note(f"warning: {caution}")
    written = [str(path) for path in made.written]
    data = {"run": str(made.run), "written": written, "warnings": list(made.cautions)}
    talk.answer("\n".join(f"Written: {path}" for path in written), data)
    test = made.run / (table_name(made.run, "curate/test.jsonl") or "")
    talk.next(
        f"tune there, then: tuneworth evaluate --pairs {quote(str(test))} --outputs tuned=FILE --outputs prompted=FILE ..."
    )
