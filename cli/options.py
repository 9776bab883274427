"""The options that every command takes."""

from collections.abc import Callable
from typing import Any

import click

from ..core import Talk

__all__ = ["common_options"]


def common_options(command: Callable) -> Callable:
    """The options that every command takes; the command gets them as one `talk`."""

    def with_talk(*args: Any, json: bool, quiet: bool, seed: int | None, debug: bool, **kwargs: Any) -> Any:
        return command(*args, talk=Talk(json, quiet, seed or 0, seed is not None, debug), **kwargs)

    with_talk.__name__, with_talk.__doc__ = command.__name__, command.__doc__
    with_talk.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
        click.option(
            "--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of everything that is drawn by chance (default 0)."
        ),
        click.option("--quiet", is_flag=True, help="Say nothing but the answer."),
        click.option("--json", is_flag=True, help="The answer as JSON on standard output, nothing else there."),
    ):
        with_talk = option(with_talk)
    return with_talk
