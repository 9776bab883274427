"""Pairs as token ids with their loss mask, and checks against training on the wrong thing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..core import DataError, ModelError, say
from ..curate import named_once, table_batches
from .model.chat import (
    ANSWER,
    QUESTION,
    Message,
    chat_messages,
    encode_prompts,
    encode_texts,
    end_of_turn,
    names_within,
    render_text,
    special_ids,
)
from .model.load import LoadedModel
from .settings import TrainSettings, resolve_settings

SHOWN = 5  # problems or ids named in an error
CHUNK = 512  # pairs at once


@dataclass(frozen=True)
class Example:
    """One pair as the model sees it: `ids` is the prompt, then the answer, which ends with the end-of-turn token."""

    id: str
    ids: tuple[int, ...]
    prompt_tokens: int

    @property
    def answer_tokens(self) -> int:
        """How many tokens are in the loss, the end-of-turn token included."""
        return len(self.ids) - self.prompt_tokens


def to_examples(pairs: pl.DataFrame, *, model: LoadedModel) -> list[Example]:
    """One example per pair, in the order of the table (columns id, input, output and optionally system).

    Raises DataError, with the ids, for pairs longer than the model's context (nothing is ever truncated), without an
    answer, with a special token inside the output, with a second BOS, or that the model's template alters or rejects.
    """
    examples, faults = [], dict[str, list[str]]()
    for example, found in encoded(pairs, model):
        examples.append(example)
        for fault in found:
            faults.setdefault(fault, []).append(example.id)
    if faults:
        raise DataError.of([f"{some_pairs(ids)} {fault}" for fault, ids in faults.items()], where="training pairs")
    return examples


def token_lengths(pairs: pl.DataFrame, model: LoadedModel) -> pl.DataFrame:
    """Each pair's tokens: columns id, prompt_tokens, answer_tokens (with the end-of-turn token), in the pairs' order.

    No pair is rejected as too long or invalid. If there is no answer to learn, answer_tokens is 0.
    """
    rows = [(example.id, example.prompt_tokens, example.answer_tokens) for example, _ in encoded(pairs, model)]
    schema = {"id": pl.String, "prompt_tokens": pl.Int64, "answer_tokens": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def drop_long(pairs: pl.DataFrame, *, model: LoadedModel) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The pairs that fit the model's context, and the others' id and tokens."""
    lengths = token_lengths(pairs, model).with_columns(tokens=pl.col("prompt_tokens") + pl.col("answer_tokens"))
    long = lengths["tokens"] > model.context
    return pairs.filter(~long), lengths.filter(long).select("id", "tokens")


# --- encoding -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rules:
    """The rules that a model's tokenizer and template set for a valid example."""

    tokenizer: Any
    end: int
    bos: int | None  # None where it may repeat
    special: frozenset[int]
    special_texts: tuple[str, ...]
    written: int  # special tokens that the template itself writes into an answer, including its end
    context: int
    vocabulary: int

    @classmethod
    def of(cls, model: LoadedModel) -> "_Rules":
        tokenizer, special = model.tokenizer, special_ids(model.tokenizer)
        question = chat_messages(QUESTION)
        prompt, whole = render_text(tokenizer, question), render_text(tokenizer, question, answer=ANSWER)
        end = end_of_turn(tokenizer)
        counted = special - {tokenizer.unk_token_id} | {end}  # an unknown token has its own message
        (ids,) = encode_texts(tokenizer, [whole[len(prompt) :]])
        return cls(
            tokenizer=tokenizer,
            end=end,
            bos=tokenizer.bos_token_id if tokenizer.bos_token_id not in _turn_tokens(tokenizer) else None,
            special=counted,
            special_texts=tuple(tokenizer.convert_ids_to_tokens(sorted(special))),
            written=sum(id in counted for id in ids[: ids.index(end) + 1]),
            context=model.context,
            vocabulary=model.model.get_input_embeddings().weight.shape[0],
        )


@dataclass(frozen=True)
class _Chat:
    """One pair as a chat: messages, the text up to the answer, and the text with the answer."""

    messages: list[Message]
    prompt: str
    whole: str
    fault: str | None = None

    @classmethod
    def of(cls, tokenizer: Any, question: str, output: str, system: str | None) -> "_Chat":
        messages = chat_messages(question, system=system)
        try:
            prompt, whole = render_text(tokenizer, messages), render_text(tokenizer, messages, answer=output)
        except ModelError as error:
            return cls(
                chat_messages(""), "", "", f"rejected by the model's chat template ({str(error).splitlines()[0]})"
            )
        if not whole.startswith(prompt):
            fault = "with an answer that changes the prompt in the model's chat template"
        elif output.strip() not in whole[len(prompt) :]:
            fault = "with an output that the model's chat template alters, so it cannot be learnt"
        else:
            fault = None
        return cls(messages, prompt, whole, fault)


def text_columns(pairs: pl.DataFrame) -> pl.DataFrame:
    """The columns id, input, output and system as texts; only id and system can be null."""
    system = pl.col("system") if "system" in pairs.columns else pl.lit(None).alias("system")
    table = pairs.select(pl.col("id", "input", "output").cast(pl.String), system.cast(pl.String))
    return table.with_columns(pl.col("input", "output").fill_null(""))


def encoded(pairs: pl.DataFrame, model: LoadedModel) -> Iterator[tuple[Example, list[str]]]:
    """Each pair's example and its faults, in the order of the table, a chunk of pairs in memory at a time."""
    rules = _Rules.of(model)
    numbers: dict[int, int] = {}  # one object per number, not per token: a quarter of the memory
    table = text_columns(pairs)
    for start in range(0, len(table), CHUNK):
        rows = table[start : start + CHUNK].rows()
        chats = [_Chat.of(rules.tokenizer, question, output, system) for _, question, output, system in rows]
        prompts = encode_prompts(rules.tokenizer, [c.messages for c in chats], [c.prompt for c in chats])
        wholes = encode_texts(rules.tokenizer, [c.whole for c in chats])
        for (id, _, output, _), chat, prompt, whole in zip(rows, chats, prompts, wholes, strict=True):
            ids = prompt + (_answer(rules, chat, prompt, whole) if output.strip() and not chat.fault else [])
            faults = _faults(rules, ids, prompt=len(prompt), output=output, chat=chat)
            yield Example(id, tuple(numbers.setdefault(i, i) for i in ids), len(prompt)), faults


def _answer(rules: _Rules, chat: _Chat, prompt: list[int], whole: list[int]) -> list[int]:
    """The ids after the prompt's, up to the end token; generation starts from the prompt's.

    If the answer's first characters would merge into the prompt's last token, or the prompt holds a control token's
    name as text, the answer is tokenised separately and the text is compared. Empty if the text differs.
    """
    answer = whole[len(prompt) :]
    if whole[: len(prompt)] != prompt:
        rest, text = chat.whole[len(chat.prompt) :], rules.tokenizer.decode(whole)
        # Some tokenizers put a space before a text, but not in the middle of one.
        newline, after, alone = encode_texts(rules.tokenizer, ["\n", "\n" + rest, rest])
        within = after[len(newline) :] if after[: len(newline)] == newline else alone
        answer = next((ids for ids in (within, alone) if rules.tokenizer.decode(prompt + ids) == text), [])
    return answer[: answer.index(rules.end) + 1] if rules.end in answer else []


# --- checking -----------------------------------------------------------------------------------------------------


def _faults(rules: _Rules, ids: list[int], *, prompt: int, output: str, chat: _Chat) -> list[str]:
    """The faults of an example, each of which completes a sentence that begins with its pair."""
    faults = [fault] if (fault := _answer_fault(rules, ids[prompt:], output, chat)) else []
    if len(ids) > rules.context:
        faults.append(
            f"longer than the model's context of {rules.context:,} tokens; nothing is truncated: shorten them, or "
            "leave them out with --drop-long"
        )
    if ids and max(ids) >= rules.vocabulary:
        faults.append("with a token outside the model's vocabulary, which is smaller than its tokenizer's")
    if rules.bos is not None and ids.count(rules.bos) > 1:
        faults.append("with two begin-of-text tokens")
    return faults


def _answer_fault(rules: _Rules, answer: list[int], output: str, chat: _Chat) -> str | None:
    if not output.strip():
        return "without an output to learn"
    if named := names_within(output, rules.special_texts):
        kind = "end-of-turn" if rules.tokenizer.convert_tokens_to_ids(named[0]) == rules.end else "special"
        return f"with the model's {kind} token {named[0]!r} inside the output: remove it"
    if chat.fault:
        return chat.fault
    if not answer:
        return "whose prompt and answer the model's tokenizer cannot separate"
    if rules.tokenizer.unk_token_id in answer[:-1]:
        return "with characters in the output that the model's tokenizer cannot encode"
    if sum(id in rules.special for id in answer) != rules.written:
        return "with a special token of the model inside the output: remove it"
    return None


def _turn_tokens(tokenizer: Any) -> set[int]:
    """Tokens that open every turn (`<|im_start|>`, which is also SmolLM2's BOS) and so may repeat."""
    chats: list[list[Message]] = [chat_messages("a"), chat_messages("a", examples=[("c", "d"), ("e", "f")])]
    short, long = encode_texts(tokenizer, [render_text(tokenizer, chat) for chat in chats])
    return {id for id in long if long.count(id) > short.count(id)}


def some_pairs(ids: Sequence[str]) -> str:
    """How many pairs, and the first of their ids."""
    named = ", ".join(ids[:SHOWN]) + (f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else "")
    return f"{say.count(len(ids), 'pair')} ({named})"


# --- the pairs of a fit --------------------------------------------------------------------------------------------

COLUMNS = ("id", "input", "output", "system")


def pair_table(
    pairs: pl.DataFrame | Sequence[Mapping[str, Any]] | Any, *, where: str
) -> tuple[pl.DataFrame, list[str]]:
    """The pairs with columns id, input, output and system, all texts, and notices about them.

    `pairs` is a polars or pandas DataFrame, a `datasets.Dataset` or a list of dictionaries. Without an id, a pair is
    named by its position, from 1; of two with one id the later becomes `ID#2`. Raises DataError, with the ids, if
    a column is missing or a value is not text.
    """
    rows, problems = _rows(pairs)
    if problems:
        raise DataError.of(problems, where=where)
    if not rows:
        return pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String)), []
    names = {name for row in rows for name in row}
    if missing := [name for name in ("input", "output") if name not in names]:
        raise DataError(
            f"{where}: the pairs lack {' and '.join(missing)}; expected columns input, output and optionally id, system"
        )
    given = (place if row.get("id") is None else row["id"] for place, row in enumerate(rows, start=1))
    ids = [str(id).encode(errors="backslashreplace").decode() for id in given]
    if faults := list(_value_faults(ids, rows)):
        raise DataError.of(faults, where=where)
    texts = {name: [row.get(name) for row in rows] for name in COLUMNS[1:]}
    table, warnings = named_once(pl.DataFrame({"id": ids, **texts}, schema=dict.fromkeys(COLUMNS, pl.String)))
    return table, [f"{where}: {warning['text']}" for warning in warnings]


def _rows(pairs: Any) -> tuple[list[Mapping[str, Any]], list[str]]:
    rows, problems = [], []
    for batch in table_batches(pairs):
        values = batch.values
        rows += values.iter_rows(named=True) if isinstance(values, pl.DataFrame) else values
        problems += [text for _, text in batch.problems]
    return rows, problems[:SHOWN]


def _value_faults(ids: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Values that are not text, grouped by fault."""
    found: dict[str, list[str]] = {}
    for id, row in zip(ids, rows, strict=True):
        for name in ("input", "output", "system"):
            value = row.get(name)
            if fault := None if name == "system" and value is None else _fault(name, value):
                found.setdefault(fault, []).append(id)
    for fault, faulty in found.items():
        yield f"{some_pairs(faulty)} {fault}"


def _fault(name: str, value: Any) -> str | None:
    if value is None:
        return f"without an {name}"
    if not isinstance(value, str):
        kind = "an object" if isinstance(value, Mapping) else f"of type {type(value).__name__}"
        return f"whose {name} is {kind}; expected text"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"whose {name} holds half a character (a lone surrogate), which no file can hold"
    return None


@dataclass(frozen=True)
class Prepared:
    """The pairs of a fit, checked and tokenised, and its resolved settings.

    `dropped` are the pairs longer than the model's context, which `drop_long` leaves out: `{id, split, tokens}`.
    """

    train: pl.DataFrame
    validation: pl.DataFrame
    examples: list[Example]
    validation_examples: list[Example]
    settings: TrainSettings
    dropped: list[dict[str, Any]]
    notices: list[str]


def prepare(train: Any, validation: Any, *, model: LoadedModel, settings: TrainSettings) -> Prepared:
    """The pairs as examples for this model. Both tables are of any kind that `pair_table` takes.

    Raises: DataError without train pairs, with invalid ones, or with pairs longer than the context unless
    `settings.drop_long` is set.
    """
    tables, notices, dropped = [], [], []
    for split, pairs in (("train", train), ("validation", validation)):
        table, table_notices = pair_table(pairs, where=f"{split} pairs")
        if settings.drop_long and len(table):
            table, long = drop_long(table, model=model)
            dropped += [{"id": row["id"], "split": split, "tokens": row["tokens"]} for row in long.to_dicts()]
        tables.append(table)
        notices += table_notices
    train, validation = tables
    if train.is_empty():
        raise DataError("There are no train pairs, so there is nothing to learn from.\n" + _why_none(dropped))
    examples = to_examples(train, model=model)
    resolved = resolve_settings(
        settings, pairs=len(examples), hidden_size=model.model.config.get_text_config().hidden_size
    )
    validation_examples = to_examples(validation, model=model) if len(validation) else []
    return Prepared(train, validation, examples, validation_examples, resolved, dropped, notices)


def _why_none(dropped: Sequence[Mapping[str, Any]]) -> str:
    if long := sum(row["split"] == "train" for row in dropped):
        return f"All {long} of them are longer than the model's context and were left out (drop_long)."
    return "The ledger of the curated data says why each row was dropped."
