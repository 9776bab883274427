"""What a server has to know of a tuned model, read from its adapter and its base model without loading any weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core import ModelError, read_object
from ...train import check_plain, end_of_turn, model_config, read_record, read_tokenizer, render_text
from .chat_format import ChatFormat, read_format

__all__ = ["ServingFacts", "serving_facts"]


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
