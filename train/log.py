"""The result of a fit, and its log in the format of transformers' own trainer, for tools that read that."""

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import ConfigError, write_whole
from .settings import TrainSettings

if TYPE_CHECKING:
    from .loop import StepReport

__all__ = [
    "TensorBoard",
    "TrainResult",
    "need_trackers",
    "tracking",
    "trainer_state",
    "write_trainer_state",
]


# Our names of a step's values and transformers' own.
NAMES = {"train_loss": "loss", "gradient_norm": "grad_norm", "learning_rate": "learning_rate"}


@dataclass(frozen=True)
class TrainResult:
    """The result of a fit. Losses are means per learnt token; `train_loss` is that of the last epoch's steps.

    `validation_loss` is the best one, at `best_step`, whose adapter was kept; None without validation pairs.
    `tokens_per_second` counts real tokens, prompt and output, over the steps only. `settings` are those that were
    used, `highest_losses` the train pairs with the highest loss: `{id, loss, first_loss, tokens}`.
    """

    adapter: Path
    steps: int
    seconds: float
    tokens_per_second: float
    train_loss: float
    validation_loss: float | None
    best_step: int
    stopped_early: bool
    skipped_steps: int
    trainable_parameters: int
    peak_memory_bytes: int
    dtype: str
    threads: int
    train_pairs: int
    validation_pairs: int
    longest_tokens: int
    settings: TrainSettings
    highest_losses: tuple[dict[str, Any], ...]
    log: tuple[dict[str, Any], ...]
    notices: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """The content of `summary.json`."""
        table = {name: value for name, value in asdict(self).items() if name not in ("adapter", "log")}
        return {**table, "notices": list(self.notices), "highest_losses": list(self.highest_losses)}


def trainer_state(result: TrainResult) -> Any:
    """The fit as a `transformers.TrainerState`: a line of its history for each step and each validation loss."""
    from transformers import TrainerState

    settings, per_epoch = result.settings, math.ceil(result.train_pairs / result.settings.batch_size)
    planned = settings.max_steps or (settings.epochs or 1) * per_epoch
    measured = [line["step"] for line in result.log if line["validation_loss"] is not None]
    return TrainerState(
        epoch=result.steps / per_epoch,
        global_step=result.steps,
        max_steps=planned,
        logging_steps=1,
        eval_steps=measured[0] if measured else planned,  # evenly spaced, except for rounding
        save_steps=settings.checkpoint_steps or planned,
        train_batch_size=settings.batch_size,
        num_train_epochs=math.ceil(planned / per_epoch),
        log_history=_history(result),
        best_metric=result.validation_loss,
        best_global_step=result.best_step if measured else None,
        best_model_checkpoint=result.adapter.name if measured else None,
    )


def _history(result: TrainResult) -> list[dict[str, float]]:
    lines = []
    for told in result.log:
        at = {"epoch": told["epoch"], "step": told["step"]}
        lines.append({NAMES[name]: told[name] for name in NAMES if told[name] is not None} | at)
        if told["validation_loss"] is not None:
            lines.append({"eval_loss": told["validation_loss"]} | at)
    steps_per_second = round(result.steps / max(result.seconds, 1e-9), 3)
    lines.append(
        {"train_loss": result.train_loss, "train_runtime": result.seconds, "train_steps_per_second": steps_per_second}
        | {"epoch": result.log[-1]["epoch"], "step": result.steps}
    )
    return lines


def write_trainer_state(path: Path, result: TrainResult) -> None:
    """The state as the JSON file that `TrainerState.load_from_json` reads."""
    write_whole(path, json.dumps(asdict(trainer_state(result)), indent=2, sort_keys=True) + "\n")


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
            f'"trackers" names {", ".join(missing)}, not installed here.\n'
            f"Install with: pip install {' '.join(missing)}, or take it out of [train]."
        )


class TensorBoard:
    """A callback that writes each step's values as an event file of TensorBoard's into `folder`.

    The file is opened at the first step; later steps that an earlier, killed fit wrote are no longer shown.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.file, self.refused = folder, None, None

    def __call__(self, told: "StepReport") -> None:
        """Write one step. A disk error ends the tracking, not the fit: `refused` then says why."""
        if self.refused is not None:
            return
        try:
            if self.file is None:
                self._open(told.step)
            self._write(told)
        except OSError as error:
            self.refused = (
                f"from step {told.step} on TensorBoard's files could not be written ({error.strerror or error})"
            )

    def _open(self, step: int) -> None:
        """A new file in the format of torch's own writer, whose thread would end the program on a full disk."""
        from tensorboard.compat.proto.event_pb2 import SessionLog  # type: ignore[attr-defined]  # made by protobuf when imported

        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        self.file = (self.folder / name).open("wb", buffering=0)  # visible at once, and close() has nothing to flush
        self._event(file_version="brain.Event:2")
        self._event(step=step, session_log=SessionLog(status=SessionLog.START))

    def _write(self, told: "StepReport") -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[attr-defined]  # made by protobuf when imported

        found = {tag: getattr(told, name) for tag, name in SCALARS.items()}
        numbers = {tag: value for tag, value in found.items() if value is not None and math.isfinite(value)}
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in numbers.items()]
        self._event(step=told.step, summary=Summary(value=values))

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
