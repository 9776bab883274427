"""One renderer of chats for training and evaluation: what a model is tuned on is what it is asked."""

from collections.abc import Sequence
from typing import Any

from ..style.errors import ModelError

__all__ = ["answer_margins", "chat_messages", "end_of_turn", "render_prompt", "render_text"]

Message = dict[str, str]


def chat_messages(input: str, *, system: str | None = None, examples: Sequence[tuple[str, str]] = ()) -> list[Message]:
    """The chat that asks for one output: a system message, worked examples (input, output), then the input."""
    messages = [{"role": "system", "content": system}] if system else []
    for asked, answered in examples:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*messages, {"role": "user", "content": input}]


def render_text(tokenizer: Any, messages: Sequence[Message], *, answer: str | None = None) -> str:
    """The chat as the model's template writes it: up to where the answer starts, or with the answer in it."""
    if answer is None:
        return _apply(tokenizer, list(messages), add_generation_prompt=True)
    return _apply(tokenizer, [*messages, {"role": "assistant", "content": answer}], add_generation_prompt=False)


def render_prompt(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Token ids of the chat up to where the answer starts. The template writes any BOS, so none is added."""
    return tokenizer(render_text(tokenizer, messages), add_special_tokens=False)["input_ids"]


def end_of_turn(tokenizer: Any) -> int:
    """The id of the token with which the template ends an answer: learnt in training, stops generation.

    Raises ModelError where the template ends an answer with no special token: the model could never learn to stop.
    """
    messages, answer = chat_messages("question"), "answer"
    whole = tokenizer(render_text(tokenizer, messages, answer=answer), add_special_tokens=False)["input_ids"]
    special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special} | {tokenizer.eos_token_id}
    for id in whole[len(render_prompt(tokenizer, messages)) :]:  # the first one: what follows it is never generated
        if id in special:
            return id
    raise ModelError(
        "The chat template ends an answer with no special token, so a tuned model could not learn to stop.\n"
        f"It writes: {render_text(tokenizer, messages, answer=answer)!r}"
    )


def answer_margins(tokenizer: Any) -> tuple[str, str]:
    """What the template writes between prompt and answer, and between answer and end-of-turn token; mostly nothing."""
    messages, answer = chat_messages("question"), "answer"
    prompt, whole = render_text(tokenizer, messages), render_text(tokenizer, messages, answer=answer)
    before, _, after = whole[len(prompt) :].partition(answer)
    end = tokenizer.convert_ids_to_tokens(end_of_turn(tokenizer))
    return before, after.partition(end)[0]


def _apply(tokenizer: Any, messages: list[Message], *, add_generation_prompt: bool) -> str:
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
    except TemplateError as error:
        if messages[0]["role"] != "system" or len(messages) < 2:
            raise ModelError(f"The model's chat template refuses the chat: {error}") from error
    # Some templates (Gemma's) know no system role: its text then opens the first question.
    first = {"role": messages[1]["role"], "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
    return _apply(tokenizer, [first, *messages[2:]], add_generation_prompt=add_generation_prompt)
