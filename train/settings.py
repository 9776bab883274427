"""How an adapter is fitted: the `[train]` table."""

import math
from dataclasses import dataclass

from ..style.errors import ConfigError

__all__ = ["TrainSettings"]

DTYPES = ("auto", "float32", "bfloat16")
TRACKERS = ("tensorboard",)


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Settings of one fit.

    `epochs` and `learning_rate` follow from the data and the model where they are not given (`recipe.py`);
    `max_steps` takes the place of `epochs`. `patience` counts evaluations of the validation loss in a row that bring
    nothing better. `max_pairs` is for `tuneworth train`, which takes a seeded sample of so many of a run's train pairs;
    `fit` takes all that it is given, without those longer than the context where `drop_long` says so.
    `checkpoint_steps = 0` writes no checkpoints.
    `micro_batch` is how many pairs of a batch stand in memory at once: it changes memory and time, not the result
    beyond rounding. `gradient_checkpointing` trades a third of the speed for memory. `quantised` loads the base in
    4 bits (GPUs). `trackers` also get the log, where they are installed.
    """

    model: str = "smollm2-135m"
    rank: int = 16
    alpha: float = 32
    epochs: int | None = None
    max_steps: int | None = None
    batch_size: int = 8
    micro_batch: int | None = None
    learning_rate: float | None = None
    checkpoint_steps: int = 50
    patience: int = 3
    max_pairs: int | None = None
    drop_long: bool = False
    dtype: str = "auto"
    gradient_checkpointing: bool = False
    quantised: bool = False
    trackers: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        problems = []
        if not self.model.strip():
            problems.append('"model" is empty; expected "smollm2-135m", a local folder or a hub name')
        for name, low in [("rank", 1), ("batch_size", 1), ("checkpoint_steps", 0), ("patience", 1)]:
            if getattr(self, name) < low:
                problems.append(f'"{name}" is {getattr(self, name)}; expected {low} or more')
        for name in ("epochs", "max_steps", "max_pairs", "micro_batch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                problems.append(f'"{name}" is {value}; expected 1 or more')
        if not 0 < self.alpha < math.inf:
            problems.append(f'"alpha" is {self.alpha}; expected more than 0 (twice the rank is usual)')
        if self.learning_rate is not None and not 0 < self.learning_rate <= 1:
            problems.append(
                f'"learning_rate" is {self.learning_rate}; expected more than 0, 1 at the most (0.001 is usual)'
            )
        if not 0 <= self.seed < 2**32:
            problems.append(f'"seed" is {self.seed}; expected 0 to 4294967295')
        if self.dtype not in DTYPES:
            problems.append(f'"dtype" is "{self.dtype}"; expected one of {", ".join(DTYPES)}')
        if odd := [name for name in self.trackers if name not in TRACKERS]:
            problems.append(f'"trackers" holds {", ".join(map(repr, odd))}; known are {", ".join(TRACKERS)}')
        if problems:
            raise ConfigError("; ".join(problems))
