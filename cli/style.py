"""`tuneworth style`: infer a style from examples, check a file against one, or write its guide."""

from pathlib import Path
from typing import Any

import click

from ..core import Console, as_json, quote
from .help import Grouped
from .options import code_option, common_options, reading_options


@click.group("style")
def command() -> None:
    """Infer a style from examples, check a file against one, or write its guide."""


@command.command("infer", cls=Grouped, epilog="Example:  tuneworth style infer pairs.jsonl --out style.yaml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The file to write (default: standard output).")
@reading_options
@common_options
def infer(file: Path, out: Path | None, reading: dict[str, Any], talk: Console) -> None:
    """Infer the style of the outputs in FILE, with the evidence for each rule, as a style.yaml to review.

    A rule that holds in at least 95% of the examples is a must rule, in at least 80% a should rule (by the lower end
    of Wilson's 95% interval); rules that only most outputs follow are commented out.
    """
    from ..core import ConfigError, write_whole
    from ..project import infer_style
    from .words.style import infer_data, no_style_lines

    if out is not None and out.exists():
        raise ConfigError(f"{out} already exists and was not changed\nName another file with --out.")
    inferred = infer_style(file, seed=talk.seed, talk=talk, **reading)
    written = out if out is not None and inferred.found_style else None
    if written is not None:
        write_whole(written, inferred.text)
        talk.answer(f"{inferred.message}\n\nWritten: {written}", {**infer_data(inferred), "written": str(written)})
        check = f"tuneworth style check {quote(str(file))} --style {quote(str(written))}"
        talk.next(f"review {written} and correct its rules, then: {check}")
        return
    text = inferred.text.rstrip("\n") if inferred.found_style else no_style_lines(inferred)
    talk.document(text, {**infer_data(inferred), "written": None})
    if inferred.found_style:  # on standard error, since the YAML may be redirected to a file
        talk.note(f"{inferred.message}\n\nNext: save it: tuneworth style infer {quote(str(file))} --out style.yaml")


@command.command("check", cls=Grouped, epilog="Example:  tuneworth style check pairs.jsonl --style style.yaml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--style", "style_path", type=click.Path(path_type=Path), required=True, help="The style schema.")
@click.option("--gate", "fail", is_flag=True, help="Exit with code 1 if a row breaks a must rule.")
@code_option
@reading_options
@common_options
def check(
    file: Path, style_path: Path, fail: bool, allow_code: bool, reading: dict[str, Any], talk: Console
) -> None:  # fmt: skip
    """Count the outputs in FILE that break each rule, with three examples of each."""
    from ..core import GateFailed
    from ..project import check_style
    from .words.style import check_data, check_lines

    checked = check_style(file, style_path, allow_code=allow_code, talk=talk, **reading)
    data = {
        "rows": len(checked.pairs),
        "unreadable": checked.unread,
        "acceptable": checked.acceptable,
        "undecided": checked.undecided,
        "checks": check_data(checked),
        "discrimination": as_json(checked.discrimination),
        "near_misses": as_json(checked.near_misses),
    }
    talk.answer(f"{checked.headline}\n{check_lines(data)}", data)
    talk.next(f"tuneworth curate {quote(str(file))} --style {quote(str(style_path))} --out clean")
    if fail and checked.broken:
        raise GateFailed(f"gate failed: {checked.broken} of {len(checked.pairs)} outputs break a must rule")


@command.command("guide", cls=Grouped, epilog="Example:  tuneworth style guide style.yaml --example pairs.jsonl")
@click.argument("style_path", metavar="STYLE", type=click.Path(path_type=Path))
@click.option(
    "--example", "file", type=click.Path(path_type=Path), help="A file of pairs to choose a good example from."
)
@click.option("--short", is_flag=True, help="Only the must rules, in one paragraph.")
@code_option
@reading_options
@common_options
def guide(
    style_path: Path, file: Path | None, short: bool, allow_code: bool, reading: dict[str, Any], talk: Console
) -> None:
    """Write the style guide of STYLE in Markdown; with --example, it shows one good pair from that file."""
    from ..project import style_guide

    text = style_guide(style_path, file, short=short, allow_code=allow_code, talk=talk, **reading)
    talk.document(text.rstrip(), {"guide": text})
    talk.note(f'Next: use it in a project: [evaluate.prompted] guide = "{style_path.name}"')  # not with the Markdown


@command.command("explain", cls=Grouped, epilog="Example:  tuneworth style explain ends_with")
@click.argument("kind", required=False)
@common_options
def explain(kind: str | None, talk: Console) -> None:
    """Explain a KIND of check: what it checks, its parameters, an example, its sentence in the guide; or all kinds."""
    from ..style import explain_kind, reference_page

    text = reference_page() if kind is None else explain_kind(kind)
    talk.document(text.rstrip(), {"kind": kind, "text": text})
