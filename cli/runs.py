"""`tuneworth runs`: the runs of a project as a list, as a page, and pruned."""

import shutil
import sys
from pathlib import Path
from typing import Any

import click

from ..core import Console, DataError, quote
from .help import Grouped
from .options import common_options

_PATH = click.Path(path_type=Path)
_PIPED = 200  # columns if there is no terminal


class _Listing(Grouped):
    """Dispatches `tuneworth runs prune`; a project in a folder called prune is ./prune."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        if args[:1] == ["prune"]:
            return prune.make_context(f"{info_name} prune", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)


@click.command(
    "runs", cls=_Listing,
    epilog='Example:  tuneworth runs examples/components --filter "candidate>=0.8" --sort -when',
)  # fmt: skip
@click.argument("project", required=False, type=_PATH)
@click.option(
    "--filter", "filters", multiple=True, metavar="KEY=VALUE",
    help='Only runs that fit, such as verdict=fine-tune, data=1c89 or "candidate>=0.8"; repeatable.',
)  # fmt: skip
@click.option("--sort", metavar="KEY", help="Sort by a key, from the smallest; -KEY from the largest.")
@click.option("--page", type=_PATH, help="Write an HTML page with the trend over the runs as well.")
@click.option(
    "--verify",
    is_flag=True,
    help="Read every file of every run, and say which are not as written; PROJECT may be a run.",
)
@common_options
def command(
    project: Path | None, filters: tuple[str, ...], sort: str | None, page: Path | None, verify: bool, talk: Console
) -> None:  # fmt: skip
    """List the runs of PROJECT, the newest first: verdicts, shares, costs, what changed, and disk space.

    Keys: run, when, stage, verdict, confidence, baseline and candidate (acceptable shares), difference, cost, payback,
    uses (of the test set), data, style, model, changed, disk.

    `tuneworth runs prune PROJECT --keep N` removes old runs.
    """
    from ..project import list_runs, verify_runs
    from ..reports import runs_text, write_runs_page

    if verify:
        verified = verify_runs(project)
        text = "\n".join(
            f"{name}: {problem or 'every file is as it was written'}" for name, problem in verified.items()
        )
        talk.answer(text or "no run yet", {"verified": {name: problem or None for name, problem in verified.items()}})
        if any(verified.values()):
            raise DataError(f"{sum(map(bool, verified.values()))} of {len(verified)} runs are not as they were written")
        return
    found = list_runs(project, filters=filters, sort=sort)
    columns = shutil.get_terminal_size((_PIPED, 24)).columns
    text = runs_text(found.entries, columns=columns, hidden=found.hidden)
    if page is not None:
        write_runs_page(found.entries, page, project=found.project, runs=found.folder, hidden=found.hidden)
        text += f"\n\nWritten to {page}"
    talk.answer(text, found.to_json() | {"page": None if page is None else str(page)})
    if page is not None:
        talk.next(f"open {quote(str(page))}")


@click.command("runs prune", cls=Grouped, epilog="Example:  tuneworth runs prune examples/components --keep 10")
@click.argument("project", required=False, type=_PATH)
@click.option("--keep", type=click.IntRange(min=1), required=True, metavar="N", help="Keep at least the newest N runs.")
@click.option("--yes", is_flag=True, help="Remove them without asking.")
@common_options
def prune(project: Path | None, keep: int, yes: bool, talk: Console) -> None:
    """Remove old runs of PROJECT, after showing which are removed, which are kept, and why.

    Besides the newest N, a run is kept if it has the newest verdict, if a file of the project names it or another kept run
    uses it, if it is in use, was exported, served, watched, trained at a provider or judged by people, if it is damaged, or
    if it is a link.
    """
    from ..core import ConfigError, RunBroken
    from ..project import Pruned, plan_prune, prune_runs
    from .words.prune import failed_text, plan_text, pruned_text

    plan = plan_prune(project, keep=keep)
    ask = not yes and bool(plan.going)
    if ask and talk.json:
        raise ConfigError(
            "removing runs needs a confirmation, which --json cannot ask for\nAdd --yes. Nothing was removed."
        )
    if not talk.json and not (talk.quiet and yes):
        print(plan_text(plan))
    if ask and not sys.stdin.isatty():
        raise ConfigError(
            "removing runs needs a confirmation, and there is no terminal\nAdd --yes. Nothing was removed."
        )
    if ask and not click.confirm(f"\nRemove {len(plan.going)} of {len(plan.fates)} runs?"):
        talk.answer("Nothing was removed.", None)
        return
    done = prune_runs(plan, talk=talk) if plan.going or plan.leftovers else Pruned((), 0)
    data = {**plan.to_json(), "removed": done.removed, "freed_bytes": done.freed_bytes, "failed": dict(done.failed)}
    data["spared"] = [fate.name for fate in done.spared]
    talk.answer(pruned_text(done), data)
    if done.failed:
        raise RunBroken(failed_text(done))
