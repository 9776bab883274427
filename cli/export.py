"""`tuneworth export`: write a run's clean splits in another format."""

from pathlib import Path
from shlex import quote

import click

from ..core import Talk
from .options import common_options

__all__ = ["command"]

FORMATS = ("openai", "trl", "csv", "parquet", "datasets")


@click.command("export", epilog="Example:  tuneworth export examples/components --format openai --out upload")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(FORMATS), required=True, help="The format to write.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder to write to (default: RUN/export/FORMAT); with csv also one file, such as corrected.csv.",
)
@click.option(
    "--with-guide",
    is_flag=True,
    help="Add the system message that curate removed from nearly all rows to each pair again.",
)
@common_options
def command(run: Path, kind: str, out: Path | None, with_guide: bool, talk: Talk) -> None:
    """Write the clean splits of RUN in another format: OpenAI chat lines, TRL, CSV, Parquet or a datasets folder.

    With --format csv --out FILE.csv: the corrected data as one table for people. A column per field, all splits, and the
    outputs as they were read where a person or a repair changed them.

    Texts are written unchanged. A spreadsheet may read a CSV cell that begins with = as a formula: open files from
    unknown sources as text.
    """
    from ..curate import table_name
    from ..project import export_splits

    exported = export_splits(run, kind, out=out, with_guide=with_guide)
    for caution in exported.cautions:
        talk.note(f"warning: {caution}")
    written = [str(path) for path in exported.written]
    data = {"run": str(exported.run), "written": written, "warnings": list(exported.cautions)}
    talk.answer("\n".join(f"Written: {path}" for path in written), data)
    if [out] == list(exported.written) and kind == "csv":
        talk.next(f"look at it as data: tuneworth check {quote(str(out))}")
        return
    test = exported.run / (table_name(exported.run, "curate/test.jsonl") or "")
    talk.next(
        f"tune there, then: tuneworth evaluate --pairs {quote(str(test))} --outputs tuned=FILE --outputs prompted=FILE ..."
    )
