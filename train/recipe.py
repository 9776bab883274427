"""The settings that follow from the data and the model where nobody states them."""

import math
from dataclasses import replace

from .settings import TrainSettings

__all__ = ["evaluation_steps", "resolve_settings"]

# At 300 pairs three epochs did best on the shipped example (113 steps); few pairs need more passes to be learnt at all,
# many pairs are learnt in one.
STEPS_WANTED = 100
MOST_EPOCHS, FEWEST_EPOCHS = 10, 1
# A tenth of the time for looking at the validation loss; a forward pass takes a third of a step's time.
EVALUATION_SHARE, FORWARD_SHARE = 0.1, 1 / 3
FEWEST_EVALUATIONS, MOST_EVALUATIONS = 5, 20


def resolve_settings(settings: TrainSettings, *, pairs: int, hidden_size: int) -> TrainSettings:
    """The settings with epochs and learning rate filled in.

    Epochs: as many as make about 100 steps, at least 1 and at most 10, with 3 up to 1,000 pairs. Learning rate:
    5e-4 x (2000 / hidden size) ^ 0.78, at most 1e-3 (the fit over model sizes of Schulman et al., "LoRA Without
    Regret", 2025, for LoRA at any rank), rounded to one digit.
    """
    epochs, rate = settings.epochs, settings.learning_rate
    if epochs is None:
        per_epoch = math.ceil(pairs / settings.batch_size)
        wanted = math.ceil(STEPS_WANTED / per_epoch)
        epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS if pairs > 1000 else 3, wanted))
    if rate is None:
        rate = min(1e-3, float(f"{5e-4 * (2000 / hidden_size) ** 0.78:.0e}"))
    return replace(settings, epochs=epochs, learning_rate=rate)


def evaluation_steps(steps: int, *, train_tokens: int, validation_tokens: int) -> list[int]:
    """After which steps the validation loss is measured: evenly, the last one included.

    `train_tokens` is that of all steps together. As often as keeps it to a tenth of the time, at least 5 times (else
    nobody sees it turn), at most 20.
    """
    affordable = EVALUATION_SHARE * train_tokens / max(1.0, FORWARD_SHARE * validation_tokens)
    count = max(FEWEST_EVALUATIONS, min(MOST_EVALUATIONS, int(affordable)))
    return sorted({math.ceil(steps * i / count) for i in range(1, count + 1)})
