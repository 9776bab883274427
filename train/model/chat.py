"""Renders chats for training and evaluation, so that a model is prompted exactly as it was tuned."""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from ...core import DataError, ModelError
from ...curate import fold_system

Message = dict[str, str]

SURROGATE = re.compile("[\\ud800-\\udfff]")
CHUNK = 512  # texts at once: the tokenizer keeps about 100 bytes per token while it works
QUESTION, ANSWER = "Quokka?", "Xylograph."  # for testing a template: words that no template writes itself


def chat_messages(input: str, *, system: str | None = None, examples: Sequence[tuple[str, str]] = ()) -> list[Message]:
    """The chat that asks for one output: a system message, worked examples (input, output), then the input."""
    messages = [{"role": "system", "content": system}] if system else []
    for question, reply in examples:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]
    return [*messages, {"role": "user", "content": input}]


def render_text(tokenizer: Any, messages: Sequence[Message], *, answer: str | None = None) -> str:
    """The chat as rendered by the model's template: up to the start of the answer, or including it.

    If the template has no system role, the system text starts the first user message.
    """
    whole = [*messages] if answer is None else [*messages, {"role": "assistant", "content": answer}]
    return _apply(tokenizer, whole, add_generation_prompt=answer is None)[0]


def sent_messages(tokenizer: Any, messages: Sequence[Message]) -> list[Message]:
    """The chat as an application must send it to a server that renders it with this template alone.

    It is `messages`; if the template has no system role, the system text starts the first user message.
    """
    return list(_apply(tokenizer, [*messages], add_generation_prompt=True)[1])


def render_prompt(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Token ids of the chat up to the start of the answer. The template writes any BOS, so none is added.

    A control token's name inside a message is encoded as plain text: data cannot end or open a turn.
    """
    return encode_prompts(tokenizer, [messages], [render_text(tokenizer, messages)])[0]


def encode_prompts(tokenizer: Any, chats: Sequence[Sequence[Message]], texts: Sequence[str]) -> list[list[int]]:
    """Token ids of chats rendered by `render_text`, as `render_prompt` gives them."""
    ids, controls = encode_texts(tokenizer, texts), control_texts(tokenizer)
    for place, chat in enumerate(chats):
        if any(names_within(message["content"], controls) for message in chat):
            ids[place] = _as_text(tokenizer, list(chat))
    return ids


def encode_texts(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, with nothing added.

    Raises DataError if a text is not valid Unicode.
    """
    found: list[list[int]] = []
    try:
        for start in range(0, len(texts), CHUNK):
            part = tokenizer(
                list(texts[start : start + CHUNK]), add_special_tokens=False, return_attention_mask=False,
                verbose=False,  # the caller reports a text beyond the context
            )  # fmt: skip
            found += part["input_ids"]
    except (TypeError, UnicodeEncodeError):  # raised by tokenizers for a lone surrogate
        broken = next((found for found in map(SURROGATE.search, texts) if found), None)
        if broken is None:
            raise
        around = broken.string[max(0, broken.start() - 20) : broken.end() + 20]
        raise DataError(f"A text contains half a character (a lone surrogate): {around!r}") from None
    return found


def special_ids(tokenizer: Any) -> frozenset[int]:
    """The ids of the tokenizer's special tokens."""
    named = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(named | {tokenizer.eos_token_id}) - {None}


def control_texts(tokenizer: Any) -> tuple[str, ...]:
    """The texts that the tokenizer reads as control tokens: special ones, and added ones that the template writes."""
    return _control_texts(tokenizer, len(tokenizer), str(tokenizer.chat_template))


@lru_cache(maxsize=4)  # Gemma has 6,000 added tokens, and this runs for each prompt
def _control_texts(tokenizer: Any, _size: int, template: str) -> tuple[str, ...]:
    tokens = [token for token in tokenizer.added_tokens_decoder.values() if not token.content.isspace()]
    return tuple(token.content for token in tokens if token.special or token.content in template)


def names_within(text: str, names: Sequence[str]) -> list[str]:
    """The names that occur in the text."""
    begins = {name[0] for name in names}  # mostly < and [, which are rare in texts
    return [name for name in names if name in text] if any(letter in text for letter in begins) else []


def common_beginning(rows: Sequence[Sequence[int]]) -> int:
    """The length of the prefix shared by all rows: in sorted order, what the first and last share, all share."""
    low, high = min(map(tuple, rows)), max(map(tuple, rows))
    return next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))


def end_of_turn(tokenizer: Any) -> int:
    """The id of the token with which the template ends an answer: it is learnt in training and stops generation.

    Raises ModelError if the template ends an answer without a special token: the model could never learn to stop.
    """
    whole = render_text(tokenizer, chat_messages(QUESTION), answer=ANSWER)
    special = special_ids(tokenizer)
    (after,) = encode_texts(tokenizer, [whole.rpartition(ANSWER)[2]])
    for id in after:  # the first one: what follows it is never generated
        if id in special:
            return id
    raise ModelError(
        f"The chat template does not end an answer with a special token, so a tuned model could not learn to stop: {whole!r}"
    )


def answer_margins(tokenizer: Any) -> tuple[str, str]:
    """What the template writes between prompt and answer, and between answer and end-of-turn token; usually nothing.

    Special tokens are omitted, as they are from a generated text.
    """
    messages = chat_messages(QUESTION)
    prompt, whole = render_text(tokenizer, messages), render_text(tokenizer, messages, answer=ANSWER)
    before, _, after = whole[len(prompt) :].rpartition(ANSWER)
    end = tokenizer.convert_ids_to_tokens(end_of_turn(tokenizer))
    for special in tokenizer.convert_ids_to_tokens(sorted(special_ids(tokenizer))):
        before = before.replace(special, "")
    return before, after.partition(end)[0]


def _apply(tokenizer: Any, messages: list[Message], *, add_generation_prompt: bool) -> tuple[str, list[Message]]:
    """The text, and the messages as the template used them."""
    has_system = len(messages) > 1 and messages[0]["role"] == "system"
    try:
        text = _rendered(tokenizer, messages, add_generation_prompt=add_generation_prompt)
        if not has_system or messages[0]["content"].strip() in text:
            return text, messages
    except ModelError:
        if not has_system:
            raise
    # Some templates reject a system message (Gemma's), others ignore it: a guide must not get lost.
    merged = fold_system(messages)
    return _rendered(tokenizer, merged, add_generation_prompt=add_generation_prompt), merged


def _rendered(tokenizer: Any, messages: list[Message], *, add_generation_prompt: bool) -> str:
    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
    except Exception as error:  # a template is a program, and can fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"The model's chat template rejects the chat: {reason[:200]}") from error


def _as_text(tokenizer: Any, messages: list[Message]) -> list[int]:
    """The prompt's ids, control tokens in the messages encoded as text."""
    taken = _apply(tokenizer, messages, add_generation_prompt=True)[1]
    try:
        return tokenizer.apply_chat_template(
            taken, add_generation_prompt=True, sanitize_control_tokens=True, return_dict=False
        )
    except ValueError as error:  # this tokenizer makes the token from any text that spells it
        raise DataError(
            f"A message contains the name of a control token, which the model's tokenizer cannot encode as text.\n{error}"
        ) from error


# The chat template that a model is tuned and prompted with: its own, made independent of the date, or a plain one.
#
# The plain one, for base models that have none (BOS only where the tokenizer puts one before every text):
#
#     BOS The system text, if any
#     (empty line)
#     ### Input
#     The input
#     (empty line)
#     ### Output
#     The output END

DAY = date(2024, 7, 26)  # the date that Llama 3's template uses if it does not know the current one
TODAY = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
NO_THINKING = "{%- set enable_thinking = false -%}\n"


def settle_template(tokenizer: Any, *, ends: tuple[int, ...] = ()) -> tuple[str, tuple[str, ...]]:
    """Set the tokenizer's template to use from now on; returns "own" or "plain", and notices for the user.

    A model's own template is changed in two places. Today's date is replaced by a fixed one: otherwise a fit
    resumed after midnight, and each day's evaluation, would have other prompts. Thinking before an answer is
    disabled: pairs contain only answers, and comparing at equal output lengths leaves no room for it.
    Without a template the plain one is used; `ends` are the ids with which the model itself ends a text.
    Raises ModelError for a model with neither a template nor an end token.
    """
    if not tokenizer.chat_template:
        tokenizer.chat_template = plain_template(tokenizer, ends=ends)
        notice = (
            'the model has no chat template, so a plain one is used ("### Input", the input, "### Output") and saved with '
            "the adapter"
        )
        return "plain", (notice,)
    try:
        template = tokenizer.get_chat_template()  # of several, the default one
    except ValueError as error:
        raise ModelError(f"The model has several chat templates, and none of them is the default.\n{error}") from error
    tokenizer.chat_template, notices = template, []
    if TODAY.search(template):
        template = TODAY.sub(lambda found: f'"{DAY.strftime(found[2])}"', template)
        notices.append(
            f"the chat template contains today's date; it is fixed at {DAY.isoformat()} so that prompts do not change"
        )
    if "enable_thinking" in template and not template.startswith(NO_THINKING):
        template = NO_THINKING + template
        notices.append("the model can think before it answers; thinking is switched off here, tuned or not")
    tokenizer.chat_template = template
    return "own", tuple(notices)


def plain_template(tokenizer: Any, *, ends: tuple[int, ...] = ()) -> str:
    """The plain template (described above) for this tokenizer, which gets an end token if it lacks one.

    Raises ModelError if there is none.
    """
    if tokenizer.eos_token is None:
        known = [token for token in tokenizer.convert_ids_to_tokens(list(ends)) if token]
        if not known:
            raise ModelError(
                "The tokenizer has neither a chat template nor an end token, so a tuned model could not learn to stop.\n"
                'Expected "eos_token" in tokenizer_config.json or "eos_token_id" in generation_config.json.'
            )
        tokenizer.eos_token = known[0]
    begins = tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
    return (
        ("{{ bos_token }}" if begins else "")
        + "{%- for message in messages -%}"
        + "{%- if message['role'] == 'system' -%}{{ message['content'] + '\\n\\n' }}"
        + "{%- elif message['role'] == 'user' -%}{{ '### Input\\n' + message['content'] + '\\n\\n' }}"
        + "{%- else -%}{{ '### Output\\n' + message['content'] + eos_token + '\\n\\n' }}{%- endif -%}"
        + "{%- endfor -%}"
        + "{%- if add_generation_prompt -%}{{ '### Output\\n' }}{%- endif -%}"
    )


def check_template(tokenizer: Any) -> list[str]:
    """Problems of the template that would teach the wrong thing; empty if it is suitable for training.

    Raises ModelError if it cannot be used at all, or ends an answer without a special token.
    """
    end_of_turn(tokenizer)
    messages = chat_messages(QUESTION)
    prompt, whole = render_text(tokenizer, messages), render_text(tokenizer, messages, answer=ANSWER)
    faults = []
    if QUESTION not in prompt:
        faults.append(f"it omits the question: {prompt!r}")
    if not whole.startswith(prompt):
        faults.append(f"the prompt before an answer ({whole!r}) differs from the prompt without one ({prompt!r})")
    long = render_text(tokenizer, chat_messages(QUESTION, examples=[(QUESTION, ANSWER), (QUESTION, ANSWER)]))
    bos, (ids, longer) = tokenizer.bos_token_id, encode_texts(tokenizer, [prompt, long])
    # <|im_start|> is SmolLM2's BOS and opens each of its turns, so a longer chat has more of them.
    if bos in special_ids(tokenizer) and 1 < ids.count(bos) == longer.count(bos):
        faults.append(f"it starts a text with {ids.count(bos)} begin-of-text tokens instead of one")
    return faults
