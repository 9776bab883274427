"""How an adapter is fitted: the `[train]` table."""

import math
from dataclasses import dataclass

from ..style.errors import ConfigError

__all__ = ["TrainSettings"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Settings of one fit; every default is the recipe that worked on the shipped example.

    `max_steps` takes the place of `epochs` where it is given. `patience` counts evaluations of the
    validation loss in a row that bring nothing better. `max_pairs` limits the train pairs to a seeded
    sample. `checkpoint_steps = 0` writes no checkpoints.
    """

    model: str = "smollm2-135m"
    rank: int = 16
    alpha: float = 32
    epochs: int = 3
    max_steps: int | None = None
    batch_size: int = 8
    learning_rate: float = 1e-3
    checkpoint_steps: int = 50
    patience: int = 3
    max_pairs: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        problems = []
        if not self.model.strip():
            problems.append('"model" is empty; expected "smollm2-135m", a local folder or a hub name')
        for name, low in [("rank", 1), ("epochs", 1), ("batch_size", 1), ("checkpoint_steps", 0), ("patience", 1)]:
            if getattr(self, name) < low:
                problems.append(f'"{name}" is {getattr(self, name)}; expected {low} or more')
        if self.max_steps is not None and self.max_steps < 1:
            problems.append(f'"max_steps" is {self.max_steps}; expected 1 or more')
        if self.max_pairs is not None and self.max_pairs < 1:
            problems.append(f'"max_pairs" is {self.max_pairs}; expected 1 or more')
        if not 0 < self.alpha < math.inf:
            problems.append(f'"alpha" is {self.alpha}; expected more than 0 (twice the rank is usual)')
        if not 0 < self.learning_rate <= 1:
            problems.append(
                f'"learning_rate" is {self.learning_rate}; expected more than 0, 1 at the most (0.001 is usual)'
            )
        if not 0 <= self.seed < 2**32:
            problems.append(f'"seed" is {self.seed}; expected 0 to 4294967295')
        if problems:
            raise ConfigError("; ".join(problems))
