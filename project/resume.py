"""Which run an interruption stopped, so that the command that resumes it can be printed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core import RunBroken
from .run import Run

__all__ = ["resumable", "stopped_run"]

_NOTE = "Finished work is kept in the run "


@contextmanager
def resumable(run: Run) -> Iterator[None]:
    """Note the run on an interruption of the block, by Ctrl-C or by a `RunBroken`."""
    try:
        yield
    except (KeyboardInterrupt, RunBroken) as stopped:
        stopped.add_note(f"{_NOTE}{run.folder}")
        raise


def stopped_run(stopped: BaseException | None) -> Path | None:
    """The folder of the run that was interrupted; None if no run can be resumed."""
    notes = getattr(stopped, "__notes__", ())
    return next((Path(note.removeprefix(_NOTE)) for note in notes if note.startswith(_NOTE)), None)
