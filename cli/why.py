"""`tuneworth why`: what happened to a row, which rows wait for a decision, and people's decisions about them."""

import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core import Console
from .help import Grouped
from .options import common_options

if TYPE_CHECKING:
    from ..curate import Decision, RowFilter
    from ..project import Run

_GROUPS = {
    "Which rows": "--outcome --rule --field --csv",
    "Decide about them": "--decide --text --because --who --yes --undo",
}


@click.command("why", cls=Grouped, groups=_GROUPS, epilog="Example:  tuneworth why examples/components 817")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("row", required=False)
@click.option("--outcome", "outcomes", multiple=True, help="Only rows with this outcome (or: repaired); repeatable.")
@click.option(
    "--rule", "rules", multiple=True, help='Only rows stopped or repaired by this rule ("*" is any text); repeatable.'
)
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="Only rows with this value; repeatable.")
@click.option("--csv", is_flag=True, help="Print the rows as CSV, with the evidence.")
@click.option(
    "--decide",
    type=click.Choice(["keep", "drop", "train", "validation", "test"]),
    help="Decide for every later curate: keep or drop the row, or put it into this split.",
)
@click.option("--text", help="Another output for ROW, which is then kept.")
@click.option("--because", default="", help="The reason for the decision.")
@click.option("--who", help="The person who decides (default: this machine's user).")
@click.option("--yes", is_flag=True, help="Decide about all matching rows, without a preview.")
@click.option("--undo", is_flag=True, help="Take back the last decision.")
@common_options
def command(
    run: Path,
    row: str | None,
    outcomes: tuple[str, ...],
    rules: tuple[str, ...],
    fields: tuple[str, ...],
    csv: bool,
    decide: "Decision | None",
    text: str | None,
    because: str,
    who: str | None,
    yes: bool,
    undo: bool,
    talk: Console,
) -> None:
    """Show what happened to ROW (its id or number) in RUN, by which rule and compared with which other row.

    If ids look like numbers, write "row 817" for the row with that number.

    Without ROW: the rows that wait for a decision (conflicts, rows set aside for review, repairs), or those that match
    --outcome, --rule and --field.

    --decide adds a decision to overrides.jsonl, next to the project file or in the folder of a run that was made from a
    file: about ROW, or about all matching rows, which are shown first. It takes effect with the next curate.
    """
    from ..core import ConfigError
    from ..curate import RowFilter
    from ..project import Run, recover_decisions

    which = RowFilter(outcomes, rules, _fields(fields))
    if text is not None and decide is None:
        decide = "keep"
    misused = _misused(row, which, csv=csv, text=text, decide=decide, because=because, who=who, yes=yes, undo=undo)
    if misused:
        raise ConfigError(misused)
    opened = Run(run)
    if (undo or decide is not None) and (removed := recover_decisions(opened)):
        talk.note(f"warning: {removed}")
    if undo:
        _undo(opened, talk)
    elif row is None:
        _several(opened, run, which, decide, talk, csv=csv, because=because, who=who, yes=yes)
    elif decide is None:
        _explain(opened, run, row, talk)
    else:
        _decide_one(opened, row, decide, talk, because=because, who=who, text=text)


def _fields(stated: Iterable[str]) -> dict[str, str]:
    from ..core import ConfigError

    pairs = [text.partition("=") for text in stated]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise ConfigError(f'--field: expected NAME=VALUE, found "{name}"')
    return {name: value for name, _, value in pairs}


def _misused(row: str | None, which: "RowFilter", *, decide: str | None, undo: bool, **given: Any) -> str | None:
    """What is wrong with the combination of options, if anything."""
    if undo and (row is not None or which or decide or any(given.values())):
        return "--undo takes back the last decision, whatever it was about; it takes no other option"
    if decide is None and (given["because"] or given["who"] or given["yes"]):
        return "--because, --who and --yes need --decide"
    if row is not None and (which or given["csv"] or given["yes"]):
        return "--outcome, --rule, --field, --csv and --yes are about several rows; leave ROW out"
    if row is None and given["text"] is not None:
        return "--text is the output of one row; name it: tuneworth why RUN ROW --text ..."
    if row is None and decide is not None and not which:
        return "--decide needs ROW, or --outcome, --rule or --field"
    return "--csv lists rows; leave --decide out" if decide is not None and given["csv"] else None


def _explain(opened: "Run", run: Path, row: str, talk: Console) -> None:
    from ..project import explain_row
    from .words.why import next_for_row

    explanation = explain_row(opened, row)
    talk.answer(str(explanation), asdict(explanation))
    talk.next(next_for_row(run, row, explanation, opened.folder))


def _decide_one(opened: "Run", row: str, decide: "Decision", talk: Console, **why: Any) -> None:
    from ..project import decide_row
    from .words.why import next_after_decision

    explanation, file = decide_row(opened, row, decide, **why)
    subject = f'"{explanation.id}" (row {explanation.row}, currently {explanation.outcome})'
    text = f"Decision for {subject}: {decide}{', with a new output' if why['text'] is not None else ''}"
    data = {**asdict(explanation), "decision": decide, "text": why["text"], "overrides": str(file)}
    talk.answer(f"{text}\nWritten to {file}", data)
    talk.next(next_after_decision(opened.folder))


def _several(
    opened: "Run", run: Path, which: "RowFilter", decide: "Decision | None", talk: Console, *, csv: bool, **why: Any
) -> None:
    if decide is None:
        _list(opened, run, which, talk, csv=csv)
    else:
        _decide_all(opened, which, decide, talk, **why)


def _list(opened: "Run", run: Path, which: "RowFilter", talk: Console, *, csv: bool) -> None:
    from ..core import printable, write_documents
    from ..project import list_rows
    from .words.why import next_for_rows, rows_text

    found = list_rows(opened, which)
    if csv:
        write_documents()
        table = found.rows.write_csv()
        print(printable(table) if sys.stdout.isatty() else table, end="", flush=True)
        return
    talk.answer(rows_text(found, waiting=not which), {"decided": found.decided, "rows": found.rows.to_dicts()})
    talk.next(next_for_rows(run, found))


def _decide_all(
    opened: "Run", which: "RowFilter", decide: "Decision", talk: Console, *, because: str, who: str | None, yes: bool
) -> None:
    from ..core import ConfigError, say
    from ..project import decide_rows, list_rows
    from .words.why import next_after_decision, rows_text

    found = list_rows(opened, which)
    ids = found.rows["id"].drop_nulls().to_list()
    if not ids:
        raise ConfigError("no row matches, or none of the matching rows could be read")
    if not yes:
        talk.answer(
            f"{rows_text(found, waiting=False)}\n\nNothing is decided yet.",
            {"decision": decide, "decided": 0, "rows": found.rows.to_dicts()},
        )
        talk.next(f"decide {decide} for {say.count(len(ids), 'row')}: the same command with --yes")
        return
    file = decide_rows(opened, ids, decide, because=because, who=who)
    unread = len(found.rows) - len(ids)
    left = f"\n{say.count(unread, 'row')} could not be read, so nothing can be decided about them" if unread else ""
    text = f"Decision for {say.count(len(ids), 'row')}: {decide}\nWritten to {file}{left}"
    talk.answer(text, {"decision": decide, "decided": len(ids), "rows": found.rows.to_dicts(), "overrides": str(file)})
    talk.next(next_after_decision(opened.folder) + "; or take it back: --undo")


def _undo(opened: "Run", talk: Console) -> None:
    from ..core import say
    from ..project import undo_decisions
    from .words.why import next_after_decision

    taken, file = undo_decisions(opened)
    named = [f'  {override.decision} "{override.id}"' for override in taken[:10]]
    more = [f"  and {say.count(len(taken) - 10)} more"] if len(taken) > 10 else []
    title = f"Taken back: {say.count(len(taken), 'decision')}" if taken else f"{file} holds no decision"
    talk.answer("\n".join([title, *named, *more]), {"taken_back": [asdict(o) for o in taken], "overrides": str(file)})
    if taken:
        talk.next(next_after_decision(opened.folder))
