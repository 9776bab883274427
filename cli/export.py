"""`tuneworth export`: write a run's clean splits in another format, or its tuned model for a server."""

from pathlib import Path
from typing import Literal

import click

from ..core import Console, quote
from .help import Grouped
from .options import common_options

SPLITS = ("openai", "trl", "csv", "parquet", "datasets")
SERVERS = ("ollama", "vllm", "llama.cpp")


@click.command(
    "export", cls=Grouped, epilog="Example:  tuneworth export examples/components --format openai --out upload"
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(SPLITS + SERVERS), required=True, help="The format to write.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder to write to (default: RUN/export/FORMAT); with csv also one file, such as corrected.csv.",
)
@click.option(
    "--with-guide",
    is_flag=True,
    help="Restore the system message that curate removed from nearly all rows.",
)
@click.option(
    "--weights",
    type=click.Choice(("merged", "adapter")),
    help="For a server: the adapter merged into the base model, or separately.",
)
@common_options
def command(
    run: Path,
    kind: str,
    out: Path | None,
    with_guide: bool,
    weights: Literal["merged", "adapter"] | None,
    talk: Console,
) -> None:
    """Write the clean splits of RUN in another format: OpenAI chat lines, TRL, CSV, Parquet or a datasets folder. With
    ollama, vllm or llama.cpp: the tuned model of RUN, as it was judged, for that server.

    For a server, the folder has the weights, the chat template with its stops, the command that starts the server, a README
    that says exactly what the application has to send, and request.py, which builds the requests.

    With --format csv --out FILE.csv, the corrected data are written as one table for people: a column per field, all splits,
    and the original output where a person or a repair changed it.

    Texts are written unchanged. A spreadsheet may take a CSV cell that begins with = for a formula: open files from unknown
    sources as text.
    """
    if kind in SERVERS:
        if with_guide:
            raise click.UsageError("--with-guide is for splits; a served model gets the prompt that it was judged with")
        _export_model(run, kind, out, weights, talk)
        return
    if weights is not None:
        raise click.UsageError("--weights is for servers; splits have no weights")
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


def _export_model(
    run: Path, server: str, out: Path | None, weights: Literal["merged", "adapter"] | None, talk: Console
) -> None:
    from ..deploy import export_serving

    exported = export_serving(run, server, out=out, weights=weights, talk=talk)
    for caution in exported.cautions:
        talk.note(f"warning: {caution}")
    data = {
        "run": str(exported.run),
        "written": [str(exported.folder)],
        "command": list(exported.command),
        "warnings": list(exported.cautions),
    }
    talk.answer(f"Written: {exported.folder}", data)
    talk.next(f"start the server as {quote(str(exported.folder / 'README.md'))} says, then: {exported.check}")
