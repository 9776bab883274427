"""`[evaluate.NAME]`: what one variant is given, and where its outputs come from."""

from dataclasses import dataclass, field
from typing import Any, Literal

from ..style.errors import ConfigError

__all__ = ["RUN_ADAPTER", "VariantSettings"]

RUN_ADAPTER = "run"  # `adapter = "run"`: the adapter that this run trained
MOST_AT_ONCE = 256  # requests under way; more than any account's rate limit lets through
_CALLS = ("key_env", "concurrency", "seconds_per_call", "tries", "most_seconds", "parameters")


@dataclass(frozen=True, kw_only=True)
class VariantSettings:
    """`[evaluate.NAME]`: a local model, an OpenAI-compatible endpoint, or a file of collected outputs.

    guide: `style.yaml` (the schema writes it) or a text file. model: a local folder or hub name, of `[train]` where
    left out; with `endpoint` its name there. adapter: a folder, or "run" for the one that this run trained. tuned:
    whether the model was fine-tuned, where the name does not tell. key_env: the environment variable with the key.
    most_seconds: one request with all its attempts and waits; None for no limit beyond theirs. parameters: passed on to
    the endpoint as they are.
    """

    guide: str | None = None
    few_shot: int | None = None
    outputs: str | None = None
    model: str | None = None
    adapter: str | None = None
    tuned: bool | None = None
    endpoint: str | None = None
    key_env: str | None = None
    concurrency: int = 8
    seconds_per_call: float = 120.0
    tries: int = 6
    most_seconds: float | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = []
        if self.few_shot is not None and not 0 <= self.few_shot <= 50:
            problems.append(f'"few_shot" is {self.few_shot}; expected 0 to 50')
        if not 1 <= self.concurrency <= MOST_AT_ONCE:
            problems.append(f'"concurrency" is {self.concurrency}; expected 1 to {MOST_AT_ONCE}')
        if not 0 < self.seconds_per_call <= 86_400:
            problems.append(f'"seconds_per_call" is {self.seconds_per_call:g}; expected more than 0, at most a day')
        if not 1 <= self.tries <= 100:
            problems.append(f'"tries" is {self.tries}; expected 1 to 100')
        if self.most_seconds is not None and not 0 < self.most_seconds <= 86_400:
            problems.append(f'"most_seconds" is {self.most_seconds:g}; expected more than 0, at most a day')
        if self.outputs is not None:
            used = [key for key in ("guide", "few_shot", "model", "adapter", "endpoint") if self._says(key)]
            if used:
                named = ", ".join(f'"{key}"' for key in used)
                problems.append(f'"outputs" are collected already: {named} {_have(used)} no use beside them')
        if self.endpoint is not None and not self.endpoint.strip():
            problems.append('"endpoint" is empty; expected an address such as https://api.example.com/v1')
        if self.endpoint is not None and self.model is None:
            problems.append('"endpoint" needs "model", the name that the endpoint knows it by')
        if self.endpoint is not None and self.adapter is not None:
            problems.append('"adapter" is for a model on this machine; an endpoint names its tuned model by "model"')
        if self.endpoint is None and (alone := [key for key in _CALLS if self._says(key)]):
            problems.append(f'"{alone[0]}" is for an endpoint; "endpoint" is missing')
        if problems:
            raise ConfigError("; ".join(problems))

    def _says(self, key: str) -> bool:
        default = type(self).__dataclass_fields__[key]
        value = getattr(self, key)
        return bool(value) if key == "parameters" else value != default.default

    @property
    def source(self) -> Literal["outputs", "endpoint"] | None:
        """Where the outputs come from if not from a model on this machine."""
        return "outputs" if self.outputs is not None else "endpoint" if self.endpoint is not None else None


def _have(keys: list[str]) -> str:
    return "has" if len(keys) == 1 else "have"
