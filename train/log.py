"""The log of a fit: a report after each step, its line in `log.jsonl`, and trackers, which write other tools' formats."""

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..core import Appending, ConfigError, write_synced


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """One optimizer step, for callbacks. Losses are means per learnt token; `validation_loss` None: not measured."""

    step: int
    steps: int
    epoch: float
    train_loss: float
    validation_loss: float | None
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    seconds_left: float

    def line(self) -> dict[str, Any]:
        """The step's line in `log.jsonl`; JSON has no NaN, so a loss that is not finite is null."""
        return {
            "step": self.step,
            "epoch": round(self.epoch, 4),
            "train_loss": _finite(self.train_loss),
            "validation_loss": _finite(self.validation_loss),
            "learning_rate": self.learning_rate,
            "gradient_norm": _finite(self.gradient_norm),
        }


Callback = Callable[[StepReport], None]


class LossLog:
    """`log.jsonl` and its `lines`, which grow with each step. A write that fails does not end the fit."""

    def __init__(self, path: Path, lines: list[dict[str, Any]]) -> None:
        self.path, self.lines = path, lines
        self.complete = False  # whether the file holds all lines so far
        self.notices: list[str] = []

    def append(self, report: StepReport, *, to_file: bool) -> None:
        """Add a step. After a failed write the whole file is written again with the next step."""
        self.lines.append(line := report.line())
        if not to_file:
            return None
        try:
            if not self.complete:
                return self.write()
            # The training holds the lock of its run; `write` puts all on the disk at the end.
            Appending(self.path).add(json.dumps(line).encode() + b"\n", sync=False)
        except OSError as error:
            if self.complete:
                self.notices.append(
                    f"{self.path.name} could not always be written from step {report.step} on ({error.strerror or error})"
                )
            self.complete = False

    def write(self) -> None:
        """Write all lines so far; they are on the disk when this returns.

        Raises: OSError if the disk fails.
        """
        write_synced(self.path, "".join(json.dumps(line) + "\n" for line in self.lines))
        self.complete = True


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


# --- trackers ----------------------------------------------------------------------------------------------------

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
