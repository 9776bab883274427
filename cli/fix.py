"""`tuneworth fix`: repair the outputs of a file by the rules of a style."""

from pathlib import Path
from typing import Any

import click

from ..core import Console, quote
from .help import Grouped
from .options import code_option, common_options, reading_options

_GROUPS = {"Options": "--style --diff --out --overwrite --unsafe --gate"}


@click.command(
    "fix",
    cls=Grouped,
    groups=_GROUPS,
    epilog="Example:  tuneworth fix pairs.jsonl --style style.yaml --diff --out fixed.jsonl",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--style", "style_path", type=click.Path(path_type=Path), required=True, help="The style schema.")
@click.option("--diff", is_flag=True, help="Show each changed output, before and after.")
@click.option("--unsafe", is_flag=True, help="Remove what cannot be repaired: facts not in the request, repetitions.")
@click.option("--out", type=click.Path(path_type=Path), help="The JSONL file to write, with every key of each row.")
@click.option("--overwrite", is_flag=True, help="Replace the file at --out if it exists.")
@click.option("--gate", "fail", is_flag=True, help="Exit with code 1 if an output still breaks a must rule.")
@code_option
@reading_options
@common_options
def command(
    file: Path,
    style_path: Path,
    diff: bool,
    unsafe: bool,
    out: Path | None,
    overwrite: bool,
    fail: bool,
    allow_code: bool,
    reading: dict[str, Any],
    talk: Console,
) -> None:
    """Repair the outputs in FILE that break a rule of the style, and count the repairs by rule.

    Repairs are safe: they change no number, code or field value and break no other must rule. --unsafe also removes content
    where that helps. FILE is never changed; --out writes another one.
    """
    from ..core import GateFailed
    from ..project import fix_outputs
    from .words.fix import fix_data, fix_lines, print_diff

    fixed = fix_outputs(
        file, style_path, unsafe=unsafe, out=out, overwrite=overwrite, allow_code=allow_code, talk=talk, **reading
    )
    if diff and not talk.json:
        print_diff(fixed)
    talk.answer(fix_lines(fixed), fix_data(fixed))
    if fixed.written is None:
        words = f"tuneworth fix {quote(str(file))} --style {quote(str(style_path))}{' --unsafe' * unsafe}"
        talk.next(f"{words} {'--out fixed.jsonl' if diff else '--diff'}")
    else:
        talk.next(f"tuneworth style check {quote(str(fixed.written))} --style {quote(str(style_path))}")
    if fail and fixed.broken:
        raise GateFailed(f"gate failed: {fixed.broken} of {len(fixed.pairs)} outputs still break a must rule")
