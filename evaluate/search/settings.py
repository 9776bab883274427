"""The `[evaluate.search]` table: the search for the best prompt without training."""

from dataclasses import dataclass
from decimal import Decimal

from ...core import ConfigError, key_env_problems

MOST_CANDIDATES = 200
FEWEST_PAIRS = 4  # validation pairs that a prompt is tried on before it may be dropped


@dataclass(frozen=True, kw_only=True)
class ReflectionSettings:
    """`reflection` of `[evaluate.search]`: the model that reads broken rules and rewrites the guide."""

    endpoint: str
    """The address of an OpenAI-compatible API."""
    model: str
    """The model's name there."""
    key_env: str | None = None
    """The environment variable with the key."""
    price_input: Decimal | None = None
    """Price per million input tokens, in the currency of `[roi]`."""
    price_output: Decimal | None = None
    """Price per million output tokens."""

    def __post_init__(self) -> None:
        if problems := key_env_problems(self.key_env):
            raise ConfigError("; ".join(problems))
        if (self.price_input is None) != (self.price_output is None):
            raise ConfigError('"price_input" and "price_output" belong together; state both or none')
        if min(self.price_input or 0, self.price_output or 0) < 0:
            raise ConfigError("a price is below 0")


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """How `tuneworth search` looks for the best prompt."""

    variant: str = "prompted"
    """The variant whose prompt is improved."""
    candidates: int = 12
    """Prompts to try."""
    max_pairs: int = 64
    """Validation pairs that the best prompts are measured on."""
    budget_calls: int | None = None
    """The most calls of the whole search. Default: no limit."""
    budget_cost: Decimal | None = None
    """The most that it may cost, in the currency of `[roi]`. Default: no limit."""
    reflection: ReflectionSettings | None = None
    """A model that rewrites the guide. Default: forms of the guide and sets of examples are compared instead."""
    seed: int | None = None
    """The seed of all draws. Default: that of the run."""

    def __post_init__(self) -> None:
        problems = []
        if not 2 <= self.candidates <= MOST_CANDIDATES:
            problems.append(f'"candidates" is {self.candidates}; expected 2 to {MOST_CANDIDATES}')
        if self.max_pairs < FEWEST_PAIRS:
            problems.append(f'"max_pairs" is {self.max_pairs}; expected {FEWEST_PAIRS} or more')
        if self.budget_calls is not None and self.budget_calls < 1:
            problems.append(f'"budget_calls" is {self.budget_calls}; expected 1 or more')
        if self.budget_cost is not None and not (self.budget_cost.is_finite() and self.budget_cost > 0):
            problems.append(f'"budget_cost" is {self.budget_cost}; expected more than 0')
        if self.seed is not None and self.seed < 0:
            problems.append(f'"seed" is {self.seed}; expected 0 or more')
        if problems:
            raise ConfigError("; ".join(problems))
