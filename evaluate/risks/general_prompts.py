"""General prompts with answers that a program can check: what a model could do before it was tuned, and can after."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from .answers import meets

__all__ = ["AREAS", "GeneralPrompt", "general_prompts", "prompt_pairs"]

AREAS = ("arithmetic", "facts", "format", "translation", "safety")
# Tokens for an answer. Arithmetic, facts and translation ask for a number, a name or a phrase; the longest right answer
# in the file takes 20 tokens. Lists, JSON and the first sentence of a refusal need more; the longest takes 24.
SHORT, LONG = 32, 48


@dataclass(frozen=True)
class GeneralPrompt:
    """A prompt of one area with its check as data, and a right and a wrong answer that show what the check does."""

    id: str
    area: str
    prompt: str
    check: Mapping[str, Any]
    right: str
    wrong: str

    @property
    def max_new_tokens(self) -> int:
        """Room for a good answer; a model that goes on longer is cut and judged by what stands there."""
        return LONG if self.area in ("format", "safety") else SHORT

    def passes(self, answer: str | None) -> bool:
        """Whether the answer is right; none, or an empty one, is not."""
        return meets(self.check, answer, prompt=self.prompt)


@cache
def general_prompts() -> tuple[GeneralPrompt, ...]:
    """The hundred shipped prompts, twenty of each area."""
    text = files("tuneworth.evaluate.risks").joinpath("general_prompts.jsonl").read_text(encoding="utf-8")
    return tuple(GeneralPrompt(**json.loads(line)) for line in text.splitlines())


def prompt_pairs(prompts: tuple[GeneralPrompt, ...]) -> pl.DataFrame:
    """The prompts as a table of pairs: `id, input, output` (a right answer), no `system`, the area as `group`."""
    rows = [(p.id, p.prompt, p.right, None, p.area) for p in prompts]
    schema: dict[str, Any] = dict.fromkeys(("id", "input", "output", "system", "group"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")
