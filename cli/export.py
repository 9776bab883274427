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
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write to; RUN/export/FORMAT if left out.")
@click.option(
    "--with-guide",
    is_flag=True,
    help="Put the system message that curate took out of nearly all rows back in front of each pair.",
)
@common_options
def command(run: Path, kind: str, out: Path | None, with_guide: bool, talk: Talk) -> None:
    """The clean splits of RUN in another format: OpenAI chat lines, TRL, CSV, Parquet or a datasets folder.

    Texts are written as they are. A spreadsheet may take a CSV cell that begins with = for a formula: open files of
    unknown origin as text.
    """
    from ..core import disk_refusals
    from ..curate import export_cautions, export_pairs, table_name
    from ..project import run_folder

    folder = run_folder(run)
    guide = _guide(folder) if with_guide else None
    place = out or folder / "export" / kind
    with disk_refusals(place):
        written = export_pairs(folder, kind, place, guide=guide)
    cautions = export_cautions(written, kind)
    for caution in cautions:
        talk.note(f"warning: {caution}")
    data = {"run": str(folder), "written": [str(path) for path in written], "warnings": cautions}
    talk.answer("\n".join(f"Written: {path}" for path in written), data)
    test = folder / (table_name(folder, "curate/test.jsonl") or "")
    talk.next(
        f"tune there, then: tuneworth evaluate --pairs {quote(str(test))} --outputs tuned=FILE --outputs prompted=FILE ..."
    )


def _guide(folder: Path) -> str:
    """The guide that the run took out of its data.

    Raises: ConfigError where there was none.
    """
    from ..core import ConfigError
    from ..project import read_run

    guide = read_run(folder).get("data_guide")
    if not guide:
        raise ConfigError(f"--with-guide: no system message was taken out of the data of {folder}")
    return guide
