"""Trackers: callbacks that also write the log in another tool's format."""

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..core import ConfigError
from .log import StepReport

__all__ = ["TensorBoard", "need_trackers", "tracking"]

# The names under which transformers' own trainer writes the same values.
SCALARS = {
    "train/loss": "train_loss",
    "train/grad_norm": "gradient_norm",
    "train/learning_rate": "learning_rate",
    "train/epoch": "epoch",
    "train/tokens_per_second": "tokens_per_second",
    "eval/loss": "validation_loss",
}


def need_trackers(names: Sequence[str]) -> None:
    """Check that the trackers of `[train] trackers` are installed.

    Raises: ConfigError with the command that installs them.
    """
    if missing := [name for name in names if find_spec(name) is None]:
        raise ConfigError(
            f'"trackers" names {", ".join(missing)}, which is not installed.\n'
            f"Install it with `pip install {' '.join(missing)}`, or remove it from [train]."
        )


class TensorBoard:
    """A callback that writes each step's values as an event file of TensorBoard's into `folder`.

    The file is opened at the first step; later steps that an earlier, killed fit wrote are no longer shown.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.file, self.failure = folder, None, None

    def __call__(self, report: StepReport) -> None:
        """Write one step. A disk error ends the tracking, not the fit: `failure` then says why."""
        if self.failure is not None:
            return
        try:
            if self.file is None:
                self._open(report.step)
            self._write(report)
        except OSError as error:
            self.failure = (
                f"TensorBoard's files could not be written from step {report.step} on ({error.strerror or error})"
            )

    def _open(self, step: int) -> None:
        """A new file in the format of torch's own writer, whose thread would end the program on a full disk."""
        from tensorboard.compat.proto.event_pb2 import SessionLog  # type: ignore[attr-defined]  # made by protobuf when imported

        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        self.file = (self.folder / name).open("wb", buffering=0)  # visible at once, and close() has nothing to flush
        self._event(file_version="brain.Event:2")
        self._event(step=step, session_log=SessionLog(status=SessionLog.START))

    def _write(self, report: StepReport) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[attr-defined]  # made by protobuf when imported

        numbers = {tag: getattr(report, name) for tag, name in SCALARS.items()}
        finite = {tag: value for tag, value in numbers.items() if value is not None and math.isfinite(value)}
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in finite.items()]
        self._event(step=report.step, summary=Summary(value=values))

    def _event(self, **values: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[attr-defined]  # made by protobuf when imported
        from tensorboard.summary.writer.record_writer import RecordWriter

        RecordWriter(self.file).write(Event(wall_time=time.time(), **values).SerializeToString())

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()


@contextmanager
def tracking(names: Sequence[str], folder: Path) -> Iterator[list[TensorBoard]]:
    """The callbacks of the named trackers; their files are closed when the block ends."""
    with ExitStack() as stack:
        callbacks = [TensorBoard(folder) for name in names if name == "tensorboard"]
        for callback in callbacks:
            stack.callback(callback.close)
        yield callbacks
