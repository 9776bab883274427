"""A command that runs in several processes at once: only the first one prints, and a failure is reported once."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..core import ConfigError, RunBroken

__all__ = ["one_voice"]


@contextmanager
def one_voice(arguments: list[str]) -> Iterator[None]:
    """Join the other processes for the block; only the first one prints, or the first one of a machine to fail.

    Raises: ConfigError for a command that one process must run alone; RunBroken if a process is stopped from outside.
    """
    from ..train import Processes

    voice = sys.stdout, sys.stderr
    if os.environ.get("RANK") != "0":
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends
    processes = Processes.here()
    signal.signal(signal.SIGTERM, _stopped)
    try:
        _check_command(arguments)
        yield
        Processes.here().leave()  # looked up again: a command may have left the group before its last part
    except BaseException:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the launcher terminates all; this one exits by itself
        if processes.speaks_of_failure():
            sys.stdout, sys.stderr = voice
        else:
            sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        raise


def _check_command(arguments: list[str]) -> None:
    command = next((word for word in arguments if not word.startswith("-")), None)
    if command not in (None, "train"):
        raise ConfigError(
            f"Several processes were started for `tuneworth {command}`; only `tuneworth train` shares its work.\n"
            f"Run `tuneworth {command}` alone, without the launcher."
        )


def _stopped(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise RunBroken(
        "Stopped: another process of this fit ended, or the launcher was told to stop.\n"
        "The same command goes on from the last checkpoint."
    )
