"""Writes the endpoint of a tuned model into the project file."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from ...core import ConfigError, read_written, write_whole
from ...project import PROJECT_FILE, Run
from .text import endpoint_table

if TYPE_CHECKING:
    pass

__all__ = ["check_connect", "connect_endpoint"]


def check_connect(run: Run, connect: bool) -> None:
    """Raises: ConfigError, before anything is sent, if `[evaluate.tuned]` already has other settings."""
    if connect:
        _with_table(run.project.folder / PROJECT_FILE, endpoint_table("https://example.com", "name", "KEY"))


def connect_endpoint(run: Run, table: str) -> None:
    """Append the table `[evaluate.tuned]` to the project file. Raises: ConfigError if it already has another one."""
    file = run.project.folder / PROJECT_FILE
    write_whole(file, _with_table(file, table))


def _with_table(file: Path, table: str) -> str:
    """The project file with the table appended; every existing line is kept.

    Raises: ConfigError if it already has such a table.
    """
    text = read_written(file, what="project file")
    present = tomllib.loads(text).get("evaluate") or {}
    added = tomllib.loads(table)["evaluate"]["tuned"]
    if present.get("tuned") == added:
        return text
    joined = f"{text.rstrip()}\n\n{table}\n"
    try:
        if "tuned" not in present and tomllib.loads(joined)["evaluate"]["tuned"] == added:
            return joined
    except (tomllib.TOMLDecodeError, KeyError):
        pass
    raise ConfigError(
        f"{file} already has settings for the tuned variant, which --connect does not change\n"
        "Leave out --connect, and put endpoint, model and key_env into [evaluate.tuned] yourself when the training is done."
    )
