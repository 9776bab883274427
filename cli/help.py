"""How `--help` lists options: in groups, those for daily use first."""

from collections.abc import Mapping
from typing import Any

import click

OWN = "Options"
# Options that several commands share; a command may list them in a group of its own.
SHARED = {
    "How the file is read": "--input --output --id --encoding --delimiter --sheet --leave-out-constant --limit",
    "Every command": "--json --quiet --seed --allow-code --debug --help",
}
_WIDEST = 24  # characters of an option with its value; a longer one has its text on the next line

Rows = list[tuple[str, str]]


class Grouped(click.Command):
    """A command whose `--help` lists its options under headings.

    `groups` has the options of each heading, separated by spaces, in the order to list them. Other options of the command
    come first, shared ones last. Raises: ValueError for a name that is not an option of the command.
    """

    def __init__(self, *args: Any, groups: Mapping[str, str] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        own = groups or {}
        if unknown := {*" ".join(own.values()).split()} - {name for param in self.params for name in param.opts}:
            raise ValueError(f"{self.name} has no option {', '.join(sorted(unknown))}")
        self.groups = {title: names.split() for title, names in {OWN: "", **own, **SHARED}.items()}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        found: dict[str, list[tuple[int, tuple[str, str]]]] = {title: [] for title in self.groups}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                title, place = self._place(param)
                found[title].append((place, record))
        ordered = {title: sorted(rows, key=lambda row: row[0]) for title, rows in found.items()}
        write_groups(formatter, {title: [record for _, record in rows] for title, rows in ordered.items()})

    def _place(self, param: click.Parameter) -> tuple[str, int]:
        """The heading of an option, and its place under it."""
        for title, names in self.groups.items():
            for place, name in enumerate(names):
                if name in param.opts:
                    return title, place
        return OWN, len(self.groups[OWN])


def write_groups(formatter: click.HelpFormatter, groups: Mapping[str, Rows]) -> None:
    """Write two columns under each heading that has rows, aligned over all headings."""
    width = max((len(name) for rows in groups.values() for name, _ in rows if len(name) <= _WIDEST), default=0)
    for title, rows in groups.items():
        if rows:
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows], col_max=width)
