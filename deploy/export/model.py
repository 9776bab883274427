"""The judged model as a server needs it: its facts without its weights, its requests, its settings."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError, ModelError, read_object
from ...evaluate import prompts_of
from ...project import Run, model_name, request_fields
from ...style import field_text
from ...train import (
    check_plain,
    encode_prompts,
    end_of_turn,
    model_config,
    read_record,
    read_tokenizer,
    render_text,
    sent_messages,
)
from ..check.recorded import Recorded, recorded
from .chat_format import ChatFormat, read_format

# --- facts of the adapter -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ServingFacts:
    """The served side of an adapter.

    `base` is the base model's name, and `source` what other tools load it by: a folder or the name on the hub. `embedded`:
    the weights under that name are not those that were judged.
    `template` is the chat template in Jinja, with the date and the thinking mode of the fit. `begin_token` is the token
    that starts a chat, empty if there is none; `adds_begin`: the tokenizer adds it to every text, so that a server must not
    have it in the template too. `stop_ids` end an answer; `stops` are their texts. `context`: the model's own limit.
    """

    adapter: Path
    base: str
    source: str
    embedded: bool
    quantised: bool
    architecture: str
    dtype: str
    rank: int
    template: str
    begin_token: str
    adds_begin: bool
    stop_ids: tuple[int, ...]
    stops: tuple[str, ...]
    context: int
    tokenizer: Any

    def format(self) -> ChatFormat:
        """The template taken apart. Raises: ModelError if it does more than write fixed texts around messages."""
        return read_format(self.render, begin_token=self.begin_token if self.adds_begin else "")

    def render(self, chat: Sequence[Any], answer: bool = True) -> str:
        """The chat as the template writes it, up to the start of the answer, or without it."""
        try:
            return self.tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=answer)
        except Exception as error:  # a template is a program, and can fail in any way
            raise ModelError(f"The model's chat template rejects the chat: {error}") from error


def serving_facts(adapter: Path, *, model: str) -> ServingFacts:
    """The facts about an adapter that Tuneworth trained for the base model of this name.

    Raises: ModelError if there is no such adapter, or its tokenizer or its base model cannot be read.
    """
    config, record = check_plain(adapter), read_record(adapter)
    if record is None:
        raise ModelError(
            f"The adapter {adapter} was made by another tool, so nothing says how its model is prompted.\n"
            "Train it with `tuneworth train`, or serve it as that tool describes."
        )
    tokenizer, base = read_tokenizer(str(adapter)), record["base"]
    begin = tokenizer.bos_token or ""
    return ServingFacts(
        adapter=adapter,
        base=base["name"],
        source=model if base["local"] else base["name"],
        embedded=bool(base.get("embedded")),
        quantised=bool(base.get("quantised")),
        architecture=str(base.get("architecture", "")),
        dtype=str(base["dtype"]),
        rank=int(config["r"]),
        template=tokenizer.chat_template,
        begin_token=begin if begin and render_text(tokenizer, _ASK).startswith(begin) else "",
        adds_begin=bool(begin) and tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id,
        stop_ids=(ids := _stop_ids(adapter, tokenizer)),
        stops=tuple(tokenizer.convert_ids_to_tokens(list(ids))),
        context=int(getattr(model_config(model), "max_position_embeddings", 0) or 2**31),
        tokenizer=tokenizer,
    )  # fmt: skip


_ASK = ({"role": "user", "content": "a"},)


def _stop_ids(adapter: Path, tokenizer: Any) -> tuple[int, ...]:
    """The tokens that ended an answer at judging; they are stored with the adapter."""
    named = read_object(adapter / "generation_config.json").get("eos_token_id") or []
    return tuple(dict.fromkeys([end_of_turn(tokenizer), *([named] if isinstance(named, int) else named)]))


# --- the form of its requests -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RequestShape:
    """The form of this run's requests.

    `fields` are in order, empty if the pairs have none or differ in their order; `given` counts the pairs in which each is
    not empty. `kinds` of values that occur: "list", "object", "truth value". `texts`: the number of pairs whose input has no
    fields. `before` are the messages in front of a request, `guide` begins its system message. `own_system`: whether pairs
    have their own system messages.
    """

    fields: tuple[str, ...]
    given: Mapping[str, int]
    kinds: frozenset[str]
    pairs: int
    texts: int
    guide: str | None
    before: tuple[dict[str, str], ...]
    own_system: bool


def request_shape(pairs: pl.DataFrame, *, guide: str | None, examples: Sequence[tuple[str, str]]) -> RequestShape:
    """The shape of the requests of `pairs` (columns fields, system) after a guide and worked examples."""
    rows: list[dict[str, Any]] = [json.loads(text) for text in pairs["fields"].drop_nulls()]
    given = Counter(name for row in rows for name, value in row.items() if field_text(value))
    before = [
        {"role": role, "content": text}
        for example in examples
        for role, text in zip(("user", "assistant"), example, strict=True)
    ]
    return RequestShape(
        fields=request_fields(pairs),
        given={name: given[name] for row in rows for name in row},
        kinds=frozenset(kind for row in rows for value in row.values() if (kind := _kind(value))),
        pairs=len(pairs),
        texts=int(pairs["fields"].null_count()),
        guide=guide,
        before=tuple(before),
        own_system=bool(pairs["system"].drop_nulls().len()),
    )


def _kind(value: Any) -> str | None:
    return {list: "list", dict: "object", bool: "truth value"}.get(type(value))


# --- the judged model ---------------------------------------------------------------------------------------------

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
    results = run.results
    if results is None or results.comparison is None:
        return
    name = results.comparison.candidate
    while results.variants[name].of:
        name = results.variants[name].of[0]
    source = results.variants[name].source
    if source == "template":
        raise DataError(
            f'"{name}" is a template that needs no model, so there is nothing to export\nFill it in where it is needed.'
        )
    if source == "outputs":
        raise DataError(
            f'"{name}" was judged by outputs from a file: its weights are unknown here, so there is nothing to export\n'
            "Serve the model as it was served for those outputs; `tuneworth serve-check` needs a model that a run has called."
        )
