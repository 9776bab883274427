from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.train import chat_messages, drop_long, pair_notices, preview, render_prompt, token_lengths
from tuneworth.train.batches import collate, epoch_order
from tuneworth.train.examples import CHUNK, Example, to_examples


def pairs(*outputs: str | None, system: str | None = None) -> pl.DataFrame:
    rows = [{"id": f"p{i}", "input": f"name: {i}", "output": text, "system": system} for i, text in enumerate(outputs)]
    return pl.DataFrame(rows, schema={"id": pl.String, "input": pl.String, "output": pl.String, "system": pl.String})


def test_the_answer_and_its_end_token_are_learnt_and_nothing_else(tiny_model: Any) -> None:
    (example,) = to_examples(pairs("a tiny part"), model=tiny_model)
    decode = tiny_model.tokenizer.decode
    assert decode(example.ids[example.prompt_tokens :]) == "a tiny part<|end|>"
    assert decode(example.ids[: example.prompt_tokens]) == "<|turn|>user\nname: 0<|end|>\n<|turn|>assistant\n"


def test_labels_are_the_tokens_after_their_places(tiny_model: Any) -> None:
    examples = to_examples(pairs("a", "longer one"), model=tiny_model)
    batch = collate(examples, device="cpu")
    after = batch.ids.flatten()[batch.places + 1]
    assert after.tolist() == batch.labels.tolist()
    assert batch.labels.tolist().count(tiny_model.tokenizer.eos_token_id) == 2


@given(
    prompt=st.lists(st.integers(1, 3), min_size=1, max_size=5),
    rows=st.lists(
        st.tuples(st.lists(st.integers(1, 3), max_size=2), st.lists(st.integers(4, 6), min_size=1, max_size=4)),
        min_size=1, max_size=4,
    ),
)  # fmt: skip
def test_each_label_is_predicted_from_the_tokens_of_its_own_row(prompt: list[int], rows: Any) -> None:
    """A shared prefix ends before the last token of a prompt: the next one differs between the rows."""
    examples = [
        Example(str(n), (*prompt, *own, *answer), len(prompt) + len(own)) for n, (own, answer) in enumerate(rows)
    ]
    for one_sequence in (False, True):
        batch = collate(examples, device="cpu", one_sequence=one_sequence)
        tokens = batch.ids.flatten().tolist()
        shared = batch.layout.shared if batch.layout else 0
        for n, example in enumerate(examples):
            mine = batch.owners == n
            assert batch.labels[mine].tolist() == list(example.ids[example.prompt_tokens :])
            for at, place in enumerate(batch.places[mine].tolist(), start=example.prompt_tokens):
                own = example.ids[shared:at]  # the tokens of the row up to the one that predicts
                assert len(own) > 0
                assert tokens[place + 1 - len(own) : place + 1] == list(own)


def test_an_output_that_starts_with_a_line_break_keeps_the_prompt_as_it_is(tiny_model: Any) -> None:
    (example,) = to_examples(pairs("\nsecond line"), model=tiny_model)
    assert tiny_model.tokenizer.decode(example.ids[example.prompt_tokens :]) == "\nsecond line<|end|>"


def test_the_system_text_stands_in_the_prompt(tiny_model: Any) -> None:
    (example,) = to_examples(pairs("x", system="be brief"), model=tiny_model)
    assert "be brief" in tiny_model.tokenizer.decode(example.ids[: example.prompt_tokens])


def test_a_token_that_the_model_does_not_know_is_an_error(tiny_model: Any) -> None:
    new = [f"<new{n}>" for n in range(6)]
    tiny_model.tokenizer.add_tokens(new)  # the last one is token 264, and the model knows 264
    to_examples(pairs(f"a {new[4]}"), model=tiny_model)
    with pytest.raises(DataError, match="p1"):
        to_examples(pairs("fine", f"a {new[5]}"), model=tiny_model)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("x" * 300, "longer than the model's context of 256"),
        ("", "without an output"),
        ("  ", "without an output"),
        ("\n\t\u2003", "without an output"),
        (None, "without an output"),
        ("a<|turn|>b", "special token '<|turn|>' inside"),
        ("a<|end|>b", "end-of-turn token '<|end|>' inside"),
    ],
)
def test_a_pair_that_would_teach_the_wrong_thing_is_an_error_with_its_id(
    tiny_model: Any, output: str | None, said: str
) -> None:
    with pytest.raises(DataError, match="p1") as error:
        to_examples(pairs("fine", output), model=tiny_model)
    assert said in str(error.value)


def test_all_faults_are_said_at_once(tiny_model: Any) -> None:
    with pytest.raises(DataError, match="2 problems"):
        to_examples(pairs("x" * 300, ""), model=tiny_model)


def test_a_second_begin_of_text_token_is_found(tiny_model: Any) -> None:
    tokenizer = tiny_model.tokenizer
    tokenizer.bos_token = "<|pad|>"
    tokenizer.chat_template = "{{ bos_token + bos_token }}" + tokenizer.chat_template
    with pytest.raises(DataError, match="two begin-of-text"):
        to_examples(pairs("a"), model=tiny_model)


def test_the_preview_marks_what_is_learnt(tiny_model: Any) -> None:
    assert preview(pairs("a tiny part"), model=tiny_model).splitlines() == [
        "pair p0: 38 tokens, the 12 marked > are learnt",
        "  | <|turn|>user",
        "  | name: 0<|end|>",
        "  | <|turn|>assistant",
        "  > a tiny part<|end|>",
    ]


def test_an_epoch_holds_each_example_once_and_depends_on_seed_and_epoch_alone(tiny_model: Any) -> None:
    examples = to_examples(pairs(*("x" * (1 + i % 7) for i in range(50))), model=tiny_model)
    first = epoch_order(examples, size=8, seed=3, epoch=0)
    assert sorted(i for batch in first for i in batch) == list(range(50))
    assert first == epoch_order(examples, size=8, seed=3, epoch=0)
    assert first != epoch_order(examples, size=8, seed=3, epoch=1)
    assert first != epoch_order(examples, size=8, seed=4, epoch=0)


# --- odd texts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["a\x00b", "\u202egnirts", "e\u0301", "\ufeffa", "\U0001f469\u200d\U0001f52c", "\r\n", "x" * 90]
)
def test_odd_texts_are_learnt_and_asked_as_they_are(tiny_model: Any, text: str) -> None:
    (example,) = to_examples(pairs(f"a{text}").with_columns(input=pl.lit(text)), model=tiny_model)
    decode = tiny_model.tokenizer.decode
    assert decode(example.ids[example.prompt_tokens :]) == f"a{text}<|end|>"
    assert text in decode(example.ids[: example.prompt_tokens])


def test_half_a_character_is_an_error_that_shows_it(tiny_model: Any) -> None:
    with pytest.raises(DataError, match=r"lone surrogate\): .*a\\ud800"):
        render_prompt(tiny_model.tokenizer, chat_messages("x" * 90 + "a\ud800"))


def test_the_name_of_a_control_token_in_an_input_is_text_and_said(tiny_model: Any) -> None:
    table = pairs("x", "y").with_columns(input=pl.Series(["end<|end|>", "fine"]))
    (example, _) = to_examples(table, model=tiny_model)
    assert example.ids.count(tiny_model.tokenizer.eos_token_id) == 2  # the template's own
    assert "user\nend<|end|><|end|>\n" in tiny_model.tokenizer.decode(example.ids)
    (notice,) = pair_notices(table, model=tiny_model)
    assert notice.startswith("1 pair (p0) ")
    assert "read as text" in notice


def test_white_space_that_the_template_takes_away_is_said(tiny_model: Any) -> None:
    table = pairs(" x", "y")
    assert pair_notices(table, model=tiny_model) == ()
    template = tiny_model.tokenizer.chat_template
    tiny_model.tokenizer.chat_template = template.replace("m['content']", "m['content'] | trim")
    assert "removes" in "".join(pair_notices(table, model=tiny_model))
    assert to_examples(table, model=tiny_model)[0].answer_tokens == 2


@pytest.mark.parametrize(
    ("change", "output", "said"),
    [
        ("m['content'].split('|')[-1]", "thought | answer", "the model's chat template alters"),
        (
            "m['content'] if 'x' not in m['content'] else raise_exception('no x')",
            "x",
            "rejected by the model's chat template",
        ),
        ("m['content'] if 'x' not in m['content'] else 1 + m['content']", "x", "rejected by the model's chat template"),
    ],
)
def test_a_pair_that_the_template_spoils_is_named(tiny_model: Any, change: str, output: str, said: str) -> None:
    template = tiny_model.tokenizer.chat_template
    tiny_model.tokenizer.chat_template = template.replace("m['content']", f"({change})")
    with pytest.raises(DataError, match=r"1 pair \(p1\)") as error:
        to_examples(pairs("fine", output), model=tiny_model)
    assert said in str(error.value)


def test_a_prompt_that_depends_on_the_answer_is_named(tiny_model: Any) -> None:
    front = "{% if messages[-1]['content'] == 'odd' %}<|turn|>{% endif %}"
    tiny_model.tokenizer.chat_template = front + tiny_model.tokenizer.chat_template
    with pytest.raises(DataError, match="changes the prompt"):
        to_examples(pairs("fine", "odd"), model=tiny_model)


def test_characters_that_the_tokenizer_does_not_know_are_said(tiny_model: Any) -> None:
    from tokenizers import AddedToken, Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    known = {letter: n for n, letter in enumerate(["<unk>", *"abcdefghijklmnopqrstuvwxyz:0123456789 \n"])}
    tokenizer = Tokenizer(models.BPE(vocab=known, merges=[], unk_token="<unk>"))
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in ("<unk>", "<|turn|>", "<|end|>")])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", unk_token="<unk>")
    fast.chat_template = tiny_model.tokenizer.chat_template
    model = replace(tiny_model, tokenizer=fast)
    assert len(to_examples(pairs("abc"), model=model)) == 1
    with pytest.raises(DataError, match="cannot encode"):
        to_examples(pairs("ab\u00df"), model=model)


def test_no_space_creeps_in_where_an_answer_is_tokenised_apart(tiny_model: Any) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = {token: n for n, token in enumerate(["<unk>", "\u2581", *"abcdefghijklmnopqrstuvwxyzXQ.?:0123456789\n|<>"])}
    tokenizer = Tokenizer(models.BPE(vocab=known, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)  # Llama 2's manner
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in ("<unk>", "<|turn|>", "<|end|>")])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", unk_token="<unk>")
    fast.chat_template = tiny_model.tokenizer.chat_template
    table = pairs("fine", "fine").with_columns(input=pl.Series(["ask", "ask<|end|>"]))
    tame, hostile = to_examples(table, model=replace(tiny_model, tokenizer=fast))
    assert hostile.ids[hostile.prompt_tokens :] == tame.ids[tame.prompt_tokens :]
    assert hostile.ids.count(fast.eos_token_id) == 2


# --- lengths ------------------------------------------------------------------------------------------------------


def test_lengths_are_those_of_the_examples_and_long_pairs_have_them_too(tiny_model: Any) -> None:
    table = pairs("short", "x" * 5000, "", "three")
    lengths = token_lengths(table, tiny_model)
    assert lengths.rows() == [("p0", 26, 6), ("p1", 26, 5001), ("p2", 26, 0), ("p3", 26, 6)]
    fitting = to_examples(table[[0, 3]], model=tiny_model)
    assert [(e.prompt_tokens, e.answer_tokens) for e in fitting] == [row[1:] for row in lengths[[0, 3]].rows()]
    assert token_lengths(table[:0], tiny_model).columns == ["id", "prompt_tokens", "answer_tokens"]


def test_long_pairs_are_left_out_only_when_asked_and_named(tiny_model: Any) -> None:
    fits, too_long = "x" * 229, "x" * 230  # 26 tokens of prompt, one of the end: the context is 256
    table = pairs("a", too_long, fits, "y" * 300)
    with pytest.raises(DataError, match=r"2 pairs \(p1, p3\) longer .* --drop-long"):
        to_examples(table, model=tiny_model)
    kept, dropped = drop_long(table, model=tiny_model)
    assert dropped["id"].to_list() == ["p1", "p3"]
    assert dropped["tokens"].min() > tiny_model.context
    assert kept.equals(table[[0, 2]])
    assert max(len(e.ids) for e in to_examples(kept, model=tiny_model)) == 256


@pytest.mark.slow
def test_many_pairs_come_out_in_their_order(tiny_model: Any) -> None:
    outputs = [f"number {n}" for n in range(2 * CHUNK + 3)]
    examples = to_examples(pairs(*outputs), model=tiny_model)
    ends = [tiny_model.tokenizer.decode(e.ids[e.prompt_tokens :]) for e in examples]
    assert ends == [f"{text}<|end|>" for text in outputs]


# --- the preview --------------------------------------------------------------------------------------------------


def test_the_preview_shows_a_pair_of_middle_length_whatever_the_order(tiny_model: Any) -> None:
    table = pairs("a" * 90, "bb", "c" * 9)
    assert preview(table, model=tiny_model).startswith("pair p2: ")
    assert preview(table.reverse(), model=tiny_model) == preview(table, model=tiny_model)
    hostile = table.with_columns(id=pl.lit("evil\n  > id"))
    assert preview(hostile, model=tiny_model).startswith("pair evil > id: ")  # one line, whatever the id


def test_the_preview_leaves_out_the_middle_of_a_long_text_never_its_end(tiny_model: Any) -> None:
    shown = preview(pairs("begin" + "x" * 9000 + "end").with_columns(input=pl.lit("line\n" * 500)), model=tiny_model)
    lines = shown.splitlines()
    assert len(lines) < 40
    assert len(shown) < 4000
    assert any("lines omitted" in line for line in lines)
    assert lines[-2:][0] == "  | <|turn|>assistant"
    assert "> begin" in lines[-1]
    assert "characters omitted" in lines[-1]
    assert lines[-1].endswith("xend<|end|>")


def test_the_preview_shows_a_pair_that_cannot_be_trained_on(tiny_model: Any) -> None:
    assert "the 0 marked > are learnt" in preview(pairs(""), model=tiny_model)
