"""The judged model as a server needs it: its weights, its requests, its settings."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from ...core import DataError, ModelError
from ...evaluate import prompts_of
from ...project import Run, model_name
from ...train import encode_prompts, sent_messages
from ..check.recorded import Recorded, recorded
from .facts import ServingFacts, serving_facts
from .request import RequestShape, request_shape

__all__ = ["JudgedModel", "judged_model"]

ROUND = 1024  # tokens


@dataclass(frozen=True)
class JudgedModel:
    """A run's tuned model: its requests and outputs at judging (`recorded`), and what a server has to know (`facts`)."""

    run: Run
    recorded: Recorded
    facts: ServingFacts

    @property
    def name(self) -> str:
        """The model's name on the server: the project's name, in characters that every server and shell accepts."""
        return re.sub(r"[^a-z0-9._-]+", "-", self.run.project.name.lower()).strip("-._") or "tuned"

    @cached_property
    def chats(self) -> list[list[dict[str, str]]]:
        """The messages of each judged request, as an application sends them to a server with the model's template."""
        return [sent_messages(self.facts.tokenizer, chat) for chat in self._prompts]

    @cached_property
    def _prompts(self) -> list[list[dict[str, str]]]:
        return prompts_of(self.recorded.variant, self.recorded.pairs)

    @property
    def in_user_turn(self) -> bool:
        """Whether a system message is part of the first user message, since the template has no system role."""
        return any(len(sent) < len(chat) for sent, chat in zip(self.chats, self._prompts, strict=True))

    @cached_property
    def longest(self) -> int:
        """The tokens of the longest judged request."""
        texts = [self.facts.render(chat) for chat in self.chats]
        return max(map(len, encode_prompts(self.facts.tokenizer, self.chats, texts)), default=0)

    @property
    def context(self) -> int:
        """The tokens that a server reserves for a request: twice the longest judged one plus an answer, rounded up."""
        needed = 2 * self.longest + self.recorded.max_new_tokens
        return min(self.facts.context, -(-needed // ROUND) * ROUND)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of every call."""
        temperature = self.recorded.temperature
        return {"temperature": temperature or 0, "max_tokens": self.recorded.max_new_tokens}

    @cached_property
    def shape(self) -> RequestShape:
        """The form of a request, derived from the pairs of all splits."""
        variant, run = self.recorded.variant, self.run
        pairs = pl.concat([part.select("fields", "system") for part in (run.train, run.validation, run.test)])
        return request_shape(pairs, guide=variant.guide, examples=variant.examples)

    @property
    def example(self) -> tuple[list[dict[str, str]], dict[str, Any] | str, str]:
        """The first judged request: its messages, its fields (or its text), and the judged answer."""
        pair, answer = self.recorded.pairs.row(0, named=True), self.recorded.first["output"][0]
        fields = json.loads(pair["fields"]) if pair["fields"] else pair["input"]
        return self.chats[0], fields, answer or ""


def judged_model(run: Run) -> JudgedModel:
    """The judged tuned model of a run.

    Raises: DataError if the run was not evaluated, or its candidate is not an adapter on this machine; ModelError as
    `serving_facts`.
    """
    _check_made_here(run)
    judged = recorded(run)
    variant = judged.variant
    if variant.source == "endpoint":
        raise DataError(
            f'"{variant.name}" was judged at {variant.endpoint}: its weights are there, so there is nothing to export\n'
            "Keep calling that endpoint; `tuneworth serve-check` compares it with the judged outputs."
        )
    if variant.adapter is None:
        raise DataError(
            f'"{variant.name}" is the base model {judged.model} without an adapter, so there is nothing to export\n'
            "Serve that model as it is, with the prompt of the variant; only a tuned model is exported."
        )
    if variant.nearest is not None:
        raise DataError(
            f'"{variant.name}" shows the nearest train pairs with each request, which a server cannot do\n'
            'Tune and judge a variant with examples = "fixed" or without examples.'
        )
    if not (variant.adapter / "adapter_config.json").is_file():
        raise ModelError(f"the adapter {variant.adapter} no longer exists\nRestore it, or train again.")
    return JudgedModel(run, judged, serving_facts(variant.adapter, model=variant.model or model_name(run.project)))


def _check_made_here(run: Run) -> None:
    """Raises: DataError if the candidate's outputs came from files or from a template."""
    described = run.results.get("variants") or {}
    name = str((run.results.get("comparison") or {}).get("candidate"))
    while (about := described.get(name) or {}).get("of"):
        name = about["of"][0]
    if about.get("source") == "template":
        raise DataError(
            f'"{name}" is a template that needs no model, so there is nothing to export\nFill it in where it is needed.'
        )
    if about.get("source") == "outputs":
        raise DataError(
            f'"{name}" was judged by outputs from a file: its weights are unknown here, so there is nothing to export\n'
            "Serve the model as it was served for those outputs; `tuneworth serve-check` needs a model that a run has called."
        )
