"""One renderer of chats for training and evaluation: what a model is tuned on is what it is asked."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ..style.errors import DataError, ModelError

__all__ = [
    "answer_margins",
    "chat_messages",
    "control_texts",
    "encode_prompts",
    "encode_texts",
    "end_of_turn",
    "names_within",
    "render_prompt",
    "render_text",
    "special_ids",
]

Message = dict[str, str]

SURROGATE = re.compile("[\\ud800-\\udfff]")
CHUNK = 512  # texts at once: the tokenizer keeps about 100 bytes per token of what it works on
QUESTION, ANSWER = "Quokka?", "Xylograph."  # for trying a template: words that no template writes itself


def chat_messages(input: str, *, system: str | None = None, examples: Sequence[tuple[str, str]] = ()) -> list[Message]:
    """The chat that asks for one output: a system message, worked examples (input, output), then the input."""
    messages = [{"role": "system", "content": system}] if system else []
    for asked, answered in examples:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*messages, {"role": "user", "content": input}]


def render_text(tokenizer: Any, messages: Sequence[Message], *, answer: str | None = None) -> str:
    """The chat as the model's template writes it: up to where the answer starts, or with the answer in it.

    Where the template knows no system role, the system text opens the first question.
    """
    whole = [*messages] if answer is None else [*messages, {"role": "assistant", "content": answer}]
    return _apply(tokenizer, whole, add_generation_prompt=answer is None)[0]


def render_prompt(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Token ids of the chat up to where the answer starts. The template writes any BOS, so none is added.

    A control token's name inside a message is encoded as the text that it is: data cannot end a turn or open one.
    """
    return encode_prompts(tokenizer, [messages], [render_text(tokenizer, messages)])[0]


def encode_prompts(tokenizer: Any, chats: Sequence[Sequence[Message]], texts: Sequence[str]) -> list[list[int]]:
    """Token ids of chats whose texts `render_text` wrote, as `render_prompt` gives them."""
    ids, controls = encode_texts(tokenizer, texts), control_texts(tokenizer)
    for place, chat in enumerate(chats):
        if any(names_within(message["content"], controls) for message in chat):
            ids[place] = _as_text(tokenizer, list(chat))
    return ids


def encode_texts(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, with nothing added.

    Raises DataError where a text is no valid Unicode.
    """
    found: list[list[int]] = []
    try:
        for start in range(0, len(texts), CHUNK):
            part = tokenizer(
                list(texts[start : start + CHUNK]), add_special_tokens=False, return_attention_mask=False,
                verbose=False,  # a text beyond the context is told by who knows what it is
            )  # fmt: skip
            found += part["input_ids"]
    except (TypeError, UnicodeEncodeError):  # what tokenizers raises for a lone surrogate
        broken = next((found for found in map(SURROGATE.search, texts) if found), None)
        if broken is None:
            raise
        around = broken.string[max(0, broken.start() - 20) : broken.end() + 20]
        raise DataError(f"A text holds half a character (a lone surrogate): {around!r}") from None
    return found


def special_ids(tokenizer: Any) -> frozenset[int]:
    """The ids of the tokenizer's special tokens."""
    named = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(named | {tokenizer.eos_token_id}) - {None}


def control_texts(tokenizer: Any) -> tuple[str, ...]:
    """The texts that the tokenizer reads as control tokens: special ones, and added ones that the template writes."""
    return _control_texts(tokenizer, len(tokenizer), str(tokenizer.chat_template))


@lru_cache(maxsize=4)  # Gemma has 6,000 added tokens, and each prompt asks
def _control_texts(tokenizer: Any, _size: int, template: str) -> tuple[str, ...]:
    tokens = [token for token in tokenizer.added_tokens_decoder.values() if not token.content.isspace()]
    return tuple(token.content for token in tokens if token.special or token.content in template)


def names_within(text: str, names: Sequence[str]) -> list[str]:
    """Those of the names that stand in the text."""
    begins = {name[0] for name in names}  # mostly < and [, which few texts hold
    return [name for name in names if name in text] if any(letter in text for letter in begins) else []


def end_of_turn(tokenizer: Any) -> int:
    """The id of the token with which the template ends an answer: learnt in training, stops generation.

    Raises ModelError where the template ends an answer with no special token: the model could never learn to stop.
    """
    whole = render_text(tokenizer, chat_messages(QUESTION), answer=ANSWER)
    special = special_ids(tokenizer)
    (after,) = encode_texts(tokenizer, [whole.rpartition(ANSWER)[2]])
    for id in after:  # the first one: what follows it is never generated
        if id in special:
            return id
    raise ModelError(
        "The chat template ends an answer with no special token, so a tuned model could not learn to stop.\n"
        f"It writes: {whole!r}"
    )


def answer_margins(tokenizer: Any) -> tuple[str, str]:
    """What the template writes between prompt and answer, and between answer and end-of-turn token; mostly nothing.

    Special tokens are left out, as they are from a generated text.
    """
    messages = chat_messages(QUESTION)
    prompt, whole = render_text(tokenizer, messages), render_text(tokenizer, messages, answer=ANSWER)
    before, _, after = whole[len(prompt) :].rpartition(ANSWER)
    end = tokenizer.convert_ids_to_tokens(end_of_turn(tokenizer))
    for special in tokenizer.convert_ids_to_tokens(sorted(special_ids(tokenizer))):
        before = before.replace(special, "")
    return before, after.partition(end)[0]


def _apply(tokenizer: Any, messages: list[Message], *, add_generation_prompt: bool) -> tuple[str, list[Message]]:
    """The text, and the messages as the template took them."""
    has_system = len(messages) > 1 and messages[0]["role"] == "system"
    try:
        text = _rendered(tokenizer, messages, add_generation_prompt=add_generation_prompt)
        if not has_system or messages[0]["content"].strip() in text:
            return text, messages
    except ModelError:
        if not has_system:
            raise
    # Some templates refuse a system message (Gemma's), others pass over it: a guide must not get lost.
    first = {"role": messages[1]["role"], "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
    merged = [first, *messages[2:]]
    return _rendered(tokenizer, merged, add_generation_prompt=add_generation_prompt), merged


def _rendered(tokenizer: Any, messages: list[Message], *, add_generation_prompt: bool) -> str:
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
    except Exception as error:  # a template is a program of its author: it can fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"The model's chat template refuses the chat: {reason[:200]}") from error


def _as_text(tokenizer: Any, messages: list[Message]) -> list[int]:
    """The prompt's ids, control tokens in the messages encoded as text."""
    taken = _apply(tokenizer, messages, add_generation_prompt=True)[1]
    try:
        return tokenizer.apply_chat_template(
            taken, add_generation_prompt=True, sanitize_control_tokens=True, return_dict=False
        )
    except ValueError as error:  # this tokenizer makes the token from any text that spells it
        raise DataError(
            f"A message holds the name of a control token, and the model's tokenizer cannot write it as text.\n{error}"
        ) from error
