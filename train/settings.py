"""The `[train]` table: settings of a fit."""

import math
from dataclasses import dataclass, replace

from ..core import ConfigError

DTYPES = ("auto", "float32", "bfloat16")
TRACKERS = ("tensorboard",)


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Settings of one fit."""

    model: str = "smollm2-135m"
    """The base model: `"smollm2-135m"`, a local folder or a hub name."""
    rank: int = 16
    """The rank of the LoRA matrices."""
    alpha: float = 32
    """The scale of the adapter; its effect is alpha / rank."""
    epochs: int | None = None
    """How often every pair is seen. Default: from the number of pairs, 1 to 10 (`resolve_settings`)."""
    max_steps: int | None = None
    """Optimizer steps, instead of epochs."""
    batch_size: int = 8
    """Pairs of one optimizer step."""
    micro_batch: int | None = None
    """Pairs in memory at once; it changes memory and time, and the result only by rounding. Default: a whole
    batch, halved when it does not fit."""
    learning_rate: float | None = None
    """The highest learning rate. Default: from the model's width, at most 0.001 (`resolve_settings`)."""
    checkpoint_steps: int = 50
    """Steps between checkpoints, from which an interrupted fit resumes; 0 writes none."""
    patience: int = 3
    """Evaluations of the validation loss in a row without improvement before training stops."""
    max_pairs: int | None = None
    """Train on a seeded sample of this size. Default: all train pairs."""
    drop_long: bool = False
    """Whether pairs that are longer than the model's context are left out; otherwise they are an error."""
    dtype: str = "auto"
    """The number format; `"auto"` measures the machine."""
    gradient_checkpointing: bool = False
    """Whether to save memory for a third of the speed."""
    quantised: bool = False
    """Whether the base model is loaded in 4 bits (GPUs only)."""
    trackers: tuple[str, ...] = ()
    """Trackers that also get the log, if installed."""
    seed: int = 0
    """The seed of initialisation and order."""

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
                f'"learning_rate" is {self.learning_rate}; expected more than 0 and at most 1 (0.001 is usual)'
            )
        if not 0 <= self.seed < 2**32:
            problems.append(f'"seed" is {self.seed}; expected 0 to 4294967295')
        if self.dtype not in DTYPES:
            problems.append(f'"dtype" is "{self.dtype}"; expected one of {", ".join(DTYPES)}')
        if odd := [name for name in self.trackers if name not in TRACKERS]:
            problems.append(f'"trackers" holds {", ".join(map(repr, odd))}; known are {", ".join(TRACKERS)}')
        if problems:
            raise ConfigError("; ".join(problems))


# Three epochs gave the best outputs on the shipped example (300 pairs, 113 steps: 56 of 60 in form, 48 after two) and
# are the default of OpenAI's tuning service; fewer than about 100 steps teach little (so few pairs get more epochs),
# and beyond 10 epochs few pairs are only memorised.
USUAL_EPOCHS, MOST_EPOCHS, STEPS_WANTED = 3, 10, 100
# Enough presentations of pairs over all epochs: the limit above which that service also uses fewer epochs (OpenAI
# Cookbook, "Data preparation and analysis for chat model fine-tuning", 2023).
MOST_LOOKS = 25_000
# The fit of Schulman et al., "LoRA Without Regret" (Thinking Machines, 2025) over Llama and Qwen models: 5e-5 for full
# tuning, ten times that for LoRA, times (2000 / hidden size) to a power that depends on the family.
FULL_RATE, LORA_FACTOR, WIDTH, LLAMA_POWER = 5e-5, 10, 2000, 0.781
MOST_RATE = 1e-3  # the rate that worked for the embedded model, 576 wide, where the fit gives 1.3e-3


def resolve_settings(settings: TrainSettings, *, pairs: int, hidden_size: int) -> TrainSettings:
    """The settings with epochs and learning rate filled in; stated ones are kept, and `max_steps` overrides epochs.

    Epochs: 3; with few pairs as many as make about 100 steps, at most 10; with many as many as make 25,000
    presentations, at least 1. Learning rate: 5e-4 x (2000 / hidden size) ^ 0.781, at most 1e-3, rounded to one digit:
    ten times the best rate of full fine-tuning, whatever the rank (with alpha fixed) and nearly whatever the number of
    pairs. The power is that of Llama models; Qwen's own is 0.0775, so that a wide Qwen model would allow up to three
    times this rate.
    """
    epochs, rate = settings.epochs, settings.learning_rate
    if epochs is None and settings.max_steps is None:
        epochs = usual_epochs(pairs, batch_size=settings.batch_size)
    if rate is None:
        rate = min(MOST_RATE, float(f"{FULL_RATE * LORA_FACTOR * (WIDTH / hidden_size) ** LLAMA_POWER:.0e}"))
    return replace(settings, epochs=epochs, learning_rate=rate)


def usual_epochs(pairs: int, *, batch_size: int) -> int:
    """The epochs where none are stated: 3, more for few pairs and fewer for very many (`resolve_settings`)."""
    if pairs * USUAL_EPOCHS > MOST_LOOKS:
        return max(1, MOST_LOOKS // pairs)
    wanted = math.ceil(STEPS_WANTED / math.ceil(pairs / batch_size))
    return min(MOST_EPOCHS, max(USUAL_EPOCHS, wanted))
