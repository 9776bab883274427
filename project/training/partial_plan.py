"""A plan of training on a machine without the packages for it."""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from ...core import Console, ModelError
from ..load import missing_packages
from ..run import CURATED, At, Run, console_for, open_run
from .train import stated_settings, training_pairs
from .train_words import partial_text

if TYPE_CHECKING:
    from ...train import TrainSettings


@dataclass(frozen=True, repr=False)
class PartialPlan:
    """The pairs and steps of a run's training, as far as they are known without the model.

    `epochs` is None if `max_steps` is stated. `characters` of input and output of a train pair: `median`, `longest` and
    `total`. `missing` is the error that training raises on this machine.
    """

    run: Run
    pairs: int
    validation_pairs: int
    settings: "TrainSettings"
    epochs: int | None
    steps: int
    characters: dict[str, int]
    missing: ModelError

    def data(self) -> dict[str, Any]:
        """Everything as JSON values; null for what depends on the model."""
        return {
            "run": str(self.run.folder), "model": self.settings.model, "pairs": self.pairs,
            "validation_pairs": self.validation_pairs, "epochs": self.epochs, "steps": self.steps,
            "characters": self.characters, "tokens": None, "time": None, "memory": None, "stated": asdict(self.settings),
            "missing": str(self.missing), "obstacles": self.run.obstacles,
        }  # fmt: skip

    def __str__(self) -> str:
        return partial_text(self.data())

    def __repr__(self) -> str:
        return str(self)


def preview_without_model(
    project: At = None,
    *,
    run: str | None = None,
    drop_long: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> PartialPlan | None:
    """What `preview_training` would say without its model; None if the packages for training are installed.

    Raises: ConfigError or DataError for errors in the project or run.
    """
    if (missing := missing_packages()) is None:
        return None
    from ...train import usual_epochs

    opened = open_run(project, run, parts=CURATED, allow_code=allow_code, talk=console_for(talk, seed))
    settings = stated_settings(opened, drop_long=drop_long)
    train, validation = training_pairs(opened, settings)
    epochs = settings.epochs
    if epochs is None and settings.max_steps is None:
        epochs = usual_epochs(len(train), batch_size=settings.batch_size)
    steps = settings.max_steps or (epochs or 1) * math.ceil(len(train) / settings.batch_size)
    return PartialPlan(
        opened, len(train), len(validation), settings, None if settings.max_steps else epochs, steps, _characters(train),
        missing,
    )  # fmt: skip


def _characters(train: pl.DataFrame) -> dict[str, int]:
    lengths = train["input"].str.len_chars() + train["output"].str.len_chars()
    median, longest, total = lengths.median(), lengths.max(), lengths.sum()
    return {"median": int(median), "longest": int(longest), "total": int(total)}  # type: ignore[arg-type] — of numbers
