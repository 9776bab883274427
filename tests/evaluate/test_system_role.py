"""Models without a system role: the guide begins the first user message, as a template without the role renders it."""

from dataclasses import replace

import polars as pl
import pytest

from tuneworth.core import ConfigError
from tuneworth.evaluate import OUTPUT_SCHEMA, EvaluateSettings, Variant, VariantSettings, plan_remote, prompts_of
from tuneworth.evaluate.outputs.table import Raw, read_raws, write_raws
from tuneworth.train import sent_messages

from .remote_plans import some_pairs

HOSTED = {"endpoint": "http://127.0.0.1:9/v1", "model": "m"}


def variant(**changed) -> Variant:
    own = {"system_role": False, "guide": "Be brief.", "examples": (("in", "out"),)} | changed
    return Variant("prompted", "endpoint", settings=VariantSettings(**HOSTED), **HOSTED, **own)


def test_the_guide_and_a_pairs_system_message_begin_the_first_user_message():
    plain, own = prompts_of(variant(), some_pairs(2))
    assert plain == [
        {"role": "user", "content": "Be brief.\n\nin"}, {"role": "assistant", "content": "out"},
        {"role": "user", "content": "ask 0"},
    ]  # fmt: skip
    assert own[0] == {"role": "user", "content": "Be brief.\n\nfor 1\n\nin"}
    (alone, _) = prompts_of(variant(guide=None, examples=()), some_pairs(2))
    assert alone == [{"role": "user", "content": "ask 0"}]


def test_the_requests_and_those_that_count_tokens_have_no_system_message():
    settings = EvaluateSettings(baseline="prompted")
    (plan,) = plan_remote([(variant(), some_pairs())], settings=settings, max_new_tokens=9, seed=0)
    (usual,) = plan_remote([(variant(system_role=True), some_pairs())], settings=settings, max_new_tokens=9, seed=0)
    requests = [*plan.requests, *plan.counting.values()]
    assert {message["role"] for request in requests for message in request.messages} == {"user", "assistant"}
    assert not {request.key for request in requests} & {request.key for request in usual.requests}


def test_it_is_read_from_the_project_and_is_for_endpoints_alone():
    assert VariantSettings(**HOSTED, system_role=False).system_role is False
    with pytest.raises(ConfigError, match='"system_role" is for an endpoint; "endpoint" is missing'):
        VariantSettings(guide="guide.txt", system_role=False)


def test_a_run_keeps_how_its_variants_were_asked(tmp_path):
    row = {"id": "p0", "variant": "prompted", "sample": 0, "output": "x"}
    outputs = pl.DataFrame([{name: row.get(name) for name in OUTPUT_SCHEMA}], schema=OUTPUT_SCHEMA)
    write_raws([Raw(variant(), outputs, doubt="9 prompt tokens")], tmp_path)
    outputs.write_ndjson(tmp_path / "outputs.jsonl")
    (read,) = read_raws(tmp_path)
    assert (read.variant.system_role, read.doubt) == (False, "9 prompt tokens")


@pytest.mark.slow
def test_a_template_without_the_role_renders_the_same_chat(tiny_model):
    tokenizer = tiny_model.tokenizer
    kept = tokenizer.chat_template
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}"
    )
    try:
        usual = replace(variant(), system_role=True)
        sent = [sent_messages(tokenizer, chat) for chat in prompts_of(usual, some_pairs(2))]
    finally:
        tokenizer.chat_template = kept
    assert sent == prompts_of(variant(), some_pairs(2))
