"""The log for TensorBoard as well, where the user asks for it: files in the run's own folder, no network."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..style.errors import ConfigError

if TYPE_CHECKING:
    from .loop import StepReport

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
            f'"trackers" names {", ".join(missing)}, not installed here.\n'
            f"Install with: pip install {' '.join(missing)}, or take it out of [train]."
        )


class TensorBoard:
    """A callback that writes each step's values as TensorBoard's event files into `folder`.

    The files are opened at the first step; steps from there on that an earlier, killed fit wrote are not shown.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.writer, self.refused = folder, None, None

    def __call__(self, told: "StepReport") -> None:
        """One step more. A disk that refuses ends the tracking, not the fit: `refused` then says why."""
        if self.refused is not None:
            return
        try:
            self._write(told)
        except OSError as error:
            self.refused = (
                f"from step {told.step} on TensorBoard's files could not be written ({error.strerror or error})"
            )

    def _write(self, told: "StepReport") -> None:
        from torch.utils.tensorboard import SummaryWriter

        if self.writer is None:
            self.writer: Any = SummaryWriter(str(self.folder), purge_step=told.step)
        for tag, name in SCALARS.items():
            value = getattr(told, name)
            if value is not None and math.isfinite(value):
                self.writer.add_scalar(tag, value, told.step)
        self.writer.flush()

    def close(self) -> None:
        """Close the files."""
        if self.writer is not None:
            self.writer.close()


@contextmanager
def tracking(names: Sequence[str], folder: Path) -> Iterator[list[TensorBoard]]:
    """The callbacks of the named trackers, whose files are closed when the block ends."""
    with ExitStack() as stack:
        callbacks = [TensorBoard(folder) for name in names if name == "tensorboard"]
        for callback in callbacks:
            stack.callback(callback.close)
        yield callbacks
