"""`tuneworth style`: check a file against a style, or write its guide."""

from pathlib import Path

import click

from .talk import Talk, common_options

__all__ = ["command"]

EXAMPLES_SHOWN = 3


@click.group("style")
def command() -> None:
    """Check a file against a style, or write its guide."""


@command.command("check", epilog="Example:  tuneworth style check pairs.jsonl --style style.yaml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--style", "style_path", type=click.Path(path_type=Path), required=True, help="The style schema.")
@click.option("--gate", "fail", is_flag=True, help="Leave with exit code 1 where a row breaks a must rule.")
@common_options
def check(file: Path, style_path: Path, fail: bool, talk: Talk) -> None:
    """How many outputs of FILE break each rule, with three examples of each."""
    from ..curate import read_pairs
    from ..curate.settings import DataSettings
    from ..style import GateFailed, check_outputs, read_style

    style = read_style(style_path)
    raw = read_pairs(file, DataSettings(path=str(file)))
    talk.note(raw.shape)
    pairs = raw.pairs
    results = check_outputs(pairs, style)
    acceptable = int(results.shares()["acceptable"].fill_null(False).sum())
    rules = [_rule(pairs, results, c) for c in style.checks]
    data = {"rows": len(pairs), "unreadable": raw.rows_read - len(pairs), "acceptable": acceptable, "checks": rules}
    talk.answer(_table(data), data)
    talk.next(f"tuneworth curate {file} --style {style_path} --out clean")
    broken = len(pairs) - acceptable
    if fail and broken:
        raise GateFailed(f"gate failed: {broken} of {len(pairs)} outputs break a must rule")


def _rule(pairs, results, check) -> dict:
    from ..style import explain

    counts = dict(results.status[check.id].value_counts().iter_rows())
    own = results.violations.filter(results.violations["check"] == check.id).unique(
        "index", keep="first", maintain_order=True
    )
    shown = [
        {
            "row": pairs["row"][index],
            "id": pairs["id"][index],
            "output": pairs["output"][index],
            "why": explain(check, found, expected),
        }
        for index, found, expected in own.select("index", "found", "expected").head(EXAMPLES_SHOWN).iter_rows()
    ]
    checked = counts.get("pass", 0) + counts.get("fail", 0)
    return {"id": check.id, "level": check.level, "checked": checked, "fail": counts.get("fail", 0), "examples": shown}


def _table(data: dict) -> str:
    width = max((len(rule["id"]) for rule in data["checks"]), default=4)
    lines = [f"{data['acceptable']:,} of {data['rows']:,} outputs keep every must rule", ""]
    lines.append(f"{'rule':<{width}}  level   broken   of")
    for rule in data["checks"]:
        lines.append(f"{rule['id']:<{width}}  {rule['level']:<6} {rule['fail']:>7,}  {rule['checked']:>6,}")
    for rule in data["checks"]:
        for example in rule["examples"]:
            lines += [
                "",
                f"row {example['row']} ({example['id']})",
                f"  {example['output'][:200]}",
                f"  {example['why'][:200]}",
            ]
    return "\n".join(lines)


@command.command("guide", epilog="Example:  tuneworth style guide style.yaml")
@click.argument("style_path", metavar="STYLE", type=click.Path(path_type=Path))
@common_options
def guide(style_path: Path, talk: Talk) -> None:
    """The style guide that STYLE writes, in Markdown."""
    from ..style import read_style, write_guide

    text = write_guide(read_style(style_path))
    talk.answer(text.rstrip(), {"guide": text})
    talk.note(f'Next: a project names it: [evaluate.prompted] guide = "{style_path.name}"')  # not among the Markdown
