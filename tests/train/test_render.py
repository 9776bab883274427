from typing import Any

import pytest

from tuneworth.core import ModelError
from tuneworth.train import answer_margins, chat_messages, end_of_turn, render_prompt, render_text

GEMMA = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}<|turn|>{{ m['content'] }}<|end|>{% endfor %}"
)


def test_a_chat_holds_system_examples_and_input_in_this_order() -> None:
    messages = chat_messages("now", system="be brief", examples=[("q", "a")])
    assert [(m["role"], m["content"]) for m in messages] == [
        ("system", "be brief"), ("user", "q"), ("assistant", "a"), ("user", "now"),
    ]  # fmt: skip


def test_the_prompt_ends_where_the_answer_starts(tiny_model: Any) -> None:
    text = tiny_model.tokenizer.decode(render_prompt(tiny_model.tokenizer, chat_messages("hello")))
    assert text == "<|turn|>user\nhello<|end|>\n<|turn|>assistant\n"


def test_the_end_of_turn_token_is_the_one_the_template_writes(tiny_model: Any) -> None:
    assert end_of_turn(tiny_model.tokenizer) == tiny_model.tokenizer.convert_tokens_to_ids("<|end|>")


def test_a_template_without_end_token_is_refused(tiny_model: Any) -> None:
    tiny_model.tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    with pytest.raises(ModelError, match="could not learn to stop"):
        end_of_turn(tiny_model.tokenizer)


def test_a_template_without_system_role_gets_the_system_text_in_the_first_question(tiny_model: Any) -> None:
    tiny_model.tokenizer.chat_template = GEMMA
    text = render_text(tiny_model.tokenizer, chat_messages("hello", system="be brief"))
    assert text == "<|turn|>be brief\n\nhello<|end|>"


def test_what_the_template_puts_around_an_answer_is_known(tiny_model: Any) -> None:
    tiny_model.tokenizer.chat_template = (
        "{% for m in messages %}<|turn|>{{ m['role'] }}:{% if m['role'] == 'assistant' %} {{ m['content'] }}\n"
        "{% else %}{{ m['content'] }}{% endif %}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|turn|>assistant:{% endif %}"
    )
    assert answer_margins(tiny_model.tokenizer) == (" ", "\n")
