"""`tuneworth export`: a run's clean splits in another format."""

from pathlib import Path

import click

from .talk import Talk, common_options

__all__ = ["command"]

FORMATS = ("openai", "trl", "csv", "parquet", "datasets")


@click.command("export", epilog="Example:  tuneworth export examples/components --format openai --out upload")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write to; RUN/export/FORMAT if left out.")
@common_options
def command(run: Path, kind: str, out: Path | None, talk: Talk) -> None:
    """The clean splits of RUN in another format: OpenAI chat lines, TRL, CSV, Parquet or a datasets folder."""
    from ..curate import export_pairs
    from .runs import run_folder

    folder = run_folder(run)
    written = export_pairs(folder, kind, out or folder / "export" / kind)
    talk.answer(
        "\n".join(f"Written: {path}" for path in written), {"run": str(folder), "written": [str(p) for p in written]}
    )
    test = folder / "curate" / "test.jsonl"
    talk.next(f"tune there, then: tuneworth evaluate --pairs {test} --outputs tuned=FILE --outputs prompted=FILE ...")
