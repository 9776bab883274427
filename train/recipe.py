"""The settings that follow from the data and the model where nobody states them."""

import math
from dataclasses import replace

from .settings import TrainSettings

__all__ = ["evaluation_steps", "resolve_settings"]

# Three passes gave the best outputs on the shipped example (300 pairs, 113 steps: 56 of 60 in form, 48 after two) and
# are what OpenAI's tuning service takes by default; fewer steps than about 100 teach little (few pairs get more passes
# for that), and past 10 passes few pairs are only learnt by heart.
USUAL_EPOCHS, MOST_EPOCHS, STEPS_WANTED = 3, 10, 100
# Looks at a pair, over all epochs, that are enough: the limit above which that service, too, takes fewer passes (OpenAI
# Cookbook, "Data preparation and analysis for chat model fine-tuning", 2023).
MOST_LOOKS = 25_000
# The fit of Schulman et al., "LoRA Without Regret" (Thinking Machines, 2025) over Llama and Qwen models: 5e-5 for full
# tuning, ten times that for LoRA, times (2000 / hidden size) to a power that is the family's.
FULL_RATE, LORA_FACTOR, WIDTH, LLAMA_POWER = 5e-5, 10, 2000, 0.781
MOST_RATE = 1e-3  # the rate that worked for the embedded model, 576 wide, where the fit says 1.3e-3
# A tenth of the time for looking at the validation loss; a forward pass takes a third of a step's time.
EVALUATION_SHARE, FORWARD_SHARE = 0.1, 1 / 3
FEWEST_EVALUATIONS, MOST_EVALUATIONS = 5, 20


def resolve_settings(settings: TrainSettings, *, pairs: int, hidden_size: int) -> TrainSettings:
    """The settings with epochs and learning rate filled in; stated ones stay, and `max_steps` makes epochs needless.

    Epochs: 3; with few pairs as many as make about 100 steps, 10 at the most; with many as many as look at 25,000
    pairs, at least 1. Learning rate: 5e-4 x (2000 / hidden size) ^ 0.781, at most 1e-3, rounded to one digit: ten
    times the best rate of full fine-tuning, whatever the rank (where alpha stays) and nearly whatever the number of
    pairs. The power is that of Llama models; Qwen's own is 0.0775, so that a wide one of those would bear up to three
    times this rate.
    """
    epochs, rate = settings.epochs, settings.learning_rate
    if epochs is None and settings.max_steps is None:
        epochs = _epochs(pairs, batch_size=settings.batch_size)
    if rate is None:
        rate = min(MOST_RATE, float(f"{FULL_RATE * LORA_FACTOR * (WIDTH / hidden_size) ** LLAMA_POWER:.0e}"))
    return replace(settings, epochs=epochs, learning_rate=rate)


def _epochs(pairs: int, *, batch_size: int) -> int:
    if pairs * USUAL_EPOCHS > MOST_LOOKS:
        return max(1, MOST_LOOKS // pairs)
    wanted = math.ceil(STEPS_WANTED / math.ceil(pairs / batch_size))
    return min(MOST_EPOCHS, max(USUAL_EPOCHS, wanted))


def evaluation_steps(steps: int, *, train_tokens: int, validation_tokens: int) -> list[int]:
    """After which steps the validation loss is measured: evenly, the last one included.

    `train_tokens` is that of all steps together. As often as keeps it to a tenth of the time, at least 5 times (else
    nobody sees it turn), at most 20, and never twice at one step.
    """
    affordable = EVALUATION_SHARE * train_tokens / max(1.0, FORWARD_SHARE * validation_tokens)
    count = max(FEWEST_EVALUATIONS, min(MOST_EVALUATIONS, int(affordable)))
    return sorted({math.ceil(steps * i / count) for i in range(1, count + 1)})
