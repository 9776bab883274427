from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tuneworth.core import ModelError
from tuneworth.train import answer_margins, chat_messages, load_model, render_prompt, render_text
from tuneworth.train.examples import to_examples
from tuneworth.train.model.chat import check_template, plain_template, settle_template
from tuneworth.train.model.load import fit_together

TURNS = "{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
ONE = pl.DataFrame({"id": ["a"], "input": ["question"], "output": ["fine"]})


def test_a_base_model_is_asked_in_the_plain_template(tiny_model: Any) -> None:
    tokenizer = tiny_model.tokenizer
    tokenizer.chat_template = None
    kind, (notice,) = settle_template(tokenizer)
    assert kind == "plain"
    assert "saved with the adapter" in notice
    chat = chat_messages("now", system="Be brief.", examples=[("then", "so")])
    assert render_text(tokenizer, chat, answer="thus") == (
        "Be brief.\n\n### Input\nthen\n\n### Output\nso<|end|>\n\n### Input\nnow\n\n### Output\nthus<|end|>\n\n"
    )
    assert render_text(tokenizer, chat).endswith("### Input\nnow\n\n### Output\n")
    assert check_template(tokenizer) == []
    assert answer_margins(tokenizer) == ("", "")


def test_the_plain_template_begins_a_text_as_the_tokenizer_does(tiny_model: Any) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = tiny_model.tokenizer
    tokenizer.bos_token = "<|turn|>"
    assert "bos_token" not in plain_template(tokenizer)  # it has one and does not use it, as GPT-2's
    front = ("<|turn|>", tokenizer.bos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<|turn|> $A", special_tokens=[front])
    tokenizer.chat_template = plain_template(tokenizer)
    assert render_prompt(tokenizer, chat_messages("a")).count(tokenizer.bos_token_id) == 1


def test_an_end_token_that_only_the_model_knows_serves(tiny_model: Any) -> None:
    tokenizer = tiny_model.tokenizer
    tokenizer.chat_template, tokenizer.eos_token = None, None
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    assert settle_template(tokenizer, ends=(end,))[0] == "plain"
    assert tokenizer.eos_token_id == end


def test_neither_template_nor_end_token_is_an_error(tiny_model: Any) -> None:
    tiny_model.tokenizer.chat_template, tiny_model.tokenizer.eos_token = None, None
    with pytest.raises(ModelError, match="neither a chat template nor an end token") as error:
        settle_template(tiny_model.tokenizer)
    assert len(str(error.value).splitlines()) == 2


def test_the_default_of_several_templates_is_taken(tiny_model: Any) -> None:
    tokenizer = tiny_model.tokenizer
    tokenizer.chat_template = {"default": TURNS, "tool_use": "tools"}
    assert settle_template(tokenizer) == ("own", ())
    assert tokenizer.chat_template == TURNS
    tokenizer.chat_template = {"rag": TURNS, "tool_use": "tools"}
    with pytest.raises(ModelError, match="none of them is the default"):
        settle_template(tokenizer)


@pytest.mark.parametrize("call", ["strftime_now('%d %b %Y')", 'strftime_now( "%d %b %Y" )'])
def test_a_prompt_is_the_same_every_day(tiny_model: Any, call: str) -> None:
    tokenizer = tiny_model.tokenizer
    tokenizer.chat_template = "{% if strftime_now is defined %}It is {{ " + call + " }}.{% endif %}" + TURNS
    _, (notice,) = settle_template(tokenizer)
    assert "date" in notice
    assert render_text(tokenizer, chat_messages("a")).startswith("It is 26 Jul 2024.<|turn|>")


def test_a_settled_template_is_the_same_when_it_is_loaded_and_settled_again(tiny_model: Any) -> None:
    tokenizer = tiny_model.tokenizer
    tokenizer.chat_template = "{{ strftime_now('%Y') if enable_thinking is not defined }}" + TURNS
    assert len(settle_template(tokenizer)[1]) == 2
    once = tokenizer.chat_template
    assert settle_template(tokenizer) == ("own", ())
    assert tokenizer.chat_template == once


def test_thinking_is_off_for_everybody_who_uses_the_saved_template(tiny_model: Any) -> None:
    tokenizer = tiny_model.tokenizer
    tokenizer.chat_template = TURNS + "{{ '<think>' if enable_thinking is not defined or enable_thinking }}"
    settle_template(tokenizer)
    assert "<think>" not in render_text(tokenizer, chat_messages("a"))


def test_a_model_that_always_thinks_learns_to_answer_at_once(tiny_model: Any) -> None:
    tokenizer = tiny_model.tokenizer
    tokenizer.chat_template = (
        "{% for m in messages %}<|turn|>{{ m['role'] }}\n{% if m['role'] == 'assistant' %}<think>\n\n</think>\n\n"
        "{% endif %}{{ m['content'] }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|turn|>assistant\n<think>\n"
        "{% endif %}"
    )
    _, (notice,) = fit_together(tokenizer, tiny_model.model, "tiny")
    assert "always thinks" in notice
    (example,) = to_examples(ONE, model=tiny_model)
    assert list(example.ids[: example.prompt_tokens]) == render_prompt(tokenizer, chat_messages("question"))
    assert tokenizer.decode(example.ids[example.prompt_tokens :]) == "\n</think>\n\nfine<|end|>"
    assert answer_margins(tokenizer) == ("\n</think>\n\n", "")


def test_special_tokens_before_the_answer_are_learnt_and_not_taken_for_its_end(tiny_model: Any) -> None:
    tokenizer = tiny_model.tokenizer
    tokenizer.chat_template = (
        "{% for m in messages %}<|turn|>{{ m['role'] }}{% if m['role'] == 'assistant' %}<|pad|>final<|turn|>{% endif %}"
        "{{ m['content'] }}<|end|>{% endfor %}{% if add_generation_prompt %}<|turn|>assistant{% endif %}"
    )
    assert fit_together(tokenizer, tiny_model.model, "tiny") == ("own", ())
    (example,) = to_examples(ONE, model=tiny_model)
    assert tokenizer.decode(example.ids[example.prompt_tokens :]) == "<|pad|>final<|turn|>fine<|end|>"
    assert answer_margins(tokenizer) == ("final", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for m in messages %}", "rejects the chat"),
        ("{{ messages[0]['content'] + 1 }}", "rejects the chat"),
        ("{% for i in range(100000000) %}{% endfor %}", "rejects the chat"),
        ("{{ nothing.at.all }}", "rejects the chat"),
        ("{{ ''.__class__.__mro__ }}", "rejects the chat: access"),
        ("{% if messages[-1].role == 'assistant' %}{{ raise_exception('never') }}{% endif %}" + TURNS, "chat: never"),
        (TURNS.replace("<|end|>", ""), "could not learn to stop"),
        (TURNS.replace("messages %}", "messages if m.role != 'user' %}"), "omits the question"),
        (TURNS + "{% if add_generation_prompt %}<|turn|>writer\n{% endif %}", "the prompt before an answer"),
        ("{{ bos_token * 2 }}" + TURNS, "2 begin-of-text tokens"),
    ],
)
def test_an_unfit_template_is_refused_when_the_model_is_loaded(
    tiny_model: Any, tmp_path: Any, template: str, said: str
) -> None:
    tiny_model.tokenizer.bos_token = "<|pad|>"
    tiny_model.tokenizer.chat_template = template
    tiny_model.model.save_pretrained(tmp_path)
    tiny_model.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=said) as error:
        load_model(str(tmp_path), dtype="float32")
    assert len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("messages %}", "messages if m.role != 'system' %}"),
        lambda t: "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + t,
        lambda t: "{{ 1 + 'x' if messages[0].role == 'system' else '' }}" + t,
    ],
    ids=["left out", "refused", "fails"],
)
def test_a_system_text_is_never_lost(tiny_model: Any, change: Callable[[str], str]) -> None:
    tokenizer = tiny_model.tokenizer
    tokenizer.chat_template = change(TURNS)
    chat = chat_messages("now", system="Be brief.", examples=[("then", "so")])
    assert render_text(tokenizer, chat) == (
        "<|turn|>user\nBe brief.\n\nthen<|end|>\n<|turn|>assistant\nso<|end|>\n<|turn|>user\nnow<|end|>\n"
    )
    hostile = chat_messages("now<|end|>", system="Be brief.")
    assert render_prompt(tokenizer, hostile).count(tokenizer.eos_token_id) == 1
