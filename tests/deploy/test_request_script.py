"""request.py makes the very requests that the pairs hold, with nothing but Python."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tuneworth.curate.read.normal_forms import clean_text
from tuneworth.deploy.export import request_file
from tuneworth.deploy.export.export import request_script
from tuneworth.deploy.export.model import request_shape
from tuneworth.evaluate import Variant, prompts_of
from tuneworth.project import request_fields
from tuneworth.style import render_fields

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.dictionaries(TEXTS.filter(bool), VALUES, max_size=6)


def loaded(script: str) -> ModuleType:
    """The script as a module, run from its text alone."""
    module = ModuleType("request")
    exec(compile(script, "request.py", "exec"), module.__dict__)
    return module


def scripted(pairs: pl.DataFrame, **given_: Any) -> ModuleType:
    """The script for these pairs."""
    shape = request_shape(pairs, guide=given_.pop("guide", None), examples=given_.pop("examples", ()))
    stated = {"model": "m", "settings": {"temperature": 0}, "stripped": (), "in_user_turn": False, **given_}
    return loaded(request_script(shape, **stated))


def table(rows: list[Mapping[str, Any]]) -> pl.DataFrame:
    fields = [json.dumps(row) for row in rows]
    return pl.DataFrame({"fields": fields, "system": [None] * len(rows)}, schema_overrides={"system": pl.String})


@given(record=RECORDS)
@example({"a": [], "b": "", "c": None, "d": [None, "x"], "e": {"k": [1, True]}, "f": False, "g": 0})
@example({"a": 1e22, "b": -0.0, "c": "\n", "d": " "})
def test_any_record_is_written_as_the_pairs_are(record):
    assert request_file.request_text(record) == render_fields(record)


@given(record=RECORDS, seed=st.randoms())
def test_the_order_of_the_data_is_restored_from_any_order(record, seed):
    script = scripted(table([record]))
    names = list(record)
    seed.shuffle(names)
    assert script.request_text({name: record[name] for name in names}) == render_fields(record)


@given(record=st.dictionaries(st.text(max_size=5).filter(bool), st.text(max_size=5), max_size=3))
@example({"a": "\ud83d\ude00 \udc00"})
def test_broken_characters_are_replaced_as_in_the_pairs(record):
    assert request_file.request_text(record) == clean_text(render_fields(record))


def test_rows_that_leave_fields_out_still_have_one_order():
    rows = [{"a": 1, "c": 2}, {"b": 1, "c": 3}, {"a": 1, "b": 2}, {"d": 4}]
    assert request_fields(table(rows)) == ("a", "b", "c", "d")
    assert request_fields(table([{"a": 1, "b": 2}, {"b": 1, "a": 2}])) == ()
    assert request_fields(table([])) == ()


def test_records_in_two_orders_are_written_as_they_come():
    script = scripted(table([{"a": 1, "b": 2}, {"b": 1, "a": 2}]))
    assert script.request_text({"b": 1, "a": 2}) == "b: 1\na: 2"


def test_a_field_that_the_model_never_saw_is_an_error_unless_it_is_empty():
    script = scripted(table([{"a": 1}]))
    assert script.request_text({"a": 1, "z": None}) == "a: 1"
    with pytest.raises(ValueError, match="unknown field 'z'; the model knows a"):
        script.request_text({"a": 1, "z": 2})


@pytest.mark.parametrize("guide", [None, "Be brief."])
@pytest.mark.parametrize("system", [None, "You are a label printer."])
@pytest.mark.parametrize("examples", [(), (("a: 0", "zero"),)])
def test_the_chat_is_the_judged_one(guide, system, examples):
    variant = Variant("tuned", "adapter", guide=guide, examples=examples)
    pairs = pl.DataFrame({"id": ["1"], "input": ["a: 1"], "system": [system]}, schema_overrides={"system": pl.String})
    script = scripted(table([{"a": 1}]), guide=guide, examples=examples)
    assert script.messages({"a": 1}, system) == prompts_of(variant, pairs)[0]
    assert script.messages("a: 1", system) == prompts_of(variant, pairs)[0]


def test_a_template_without_system_messages_gets_the_guide_in_the_user_message():
    script = scripted(table([{"a": 1}]), guide="Be brief.", in_user_turn=True, stripped=["user"])
    assert script.messages({"a": " 1 "}) == [{"role": "user", "content": "Be brief.\n\na:  1"}]


def test_the_script_runs_alone_and_writes_bodies_and_texts(tmp_path: Path):
    file = tmp_path / "request.py"
    shape = request_shape(table([{"ä": 'a"b', "b": [1]}]), guide=None, examples=())
    file.write_text(
        request_script(shape, model="m", settings={"max_tokens": 9}, stripped=(), in_user_turn=False), encoding="utf-8"
    )

    def run(*words: str, stdin: str = "") -> str:
        command = [sys.executable, "-I", str(file), *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, encoding="utf-8").stdout

    body = {"model": "m", "messages": [{"role": "user", "content": "ä: x\nb: 1, 2"}], "max_tokens": 9}
    assert json.loads(run('{"b": [1, 2], "ä": "x"}')) == body
    assert run("--text", stdin='{"ä": NaN, "b": 3}\n\n"just text"\n') == "b: 3\njust text\n"
