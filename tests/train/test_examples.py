from typing import Any

import polars as pl
import pytest

from tuneworth.style.errors import DataError
from tuneworth.train import preview
from tuneworth.train.batches import collate, epoch_order
from tuneworth.train.examples import to_examples


def pairs(*outputs: str, system: str | None = None) -> pl.DataFrame:
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


def test_an_output_that_starts_with_a_line_break_keeps_the_prompt_as_it_is(tiny_model: Any) -> None:
    (example,) = to_examples(pairs("\nsecond line"), model=tiny_model)
    assert tiny_model.tokenizer.decode(example.ids[example.prompt_tokens :]) == "\nsecond line<|end|>"


def test_the_system_text_stands_in_the_prompt(tiny_model: Any) -> None:
    (example,) = to_examples(pairs("x", system="be brief"), model=tiny_model)
    assert "be brief" in tiny_model.tokenizer.decode(example.ids[: example.prompt_tokens])


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("x" * 300, "longer than the model's context of 256"),
        ("", "without an output"),
        ("  ", "without an output"),
        ("a<|end|>b", "end-of-turn token '<|end|>' inside"),
    ],
)
def test_a_pair_that_would_teach_the_wrong_thing_is_an_error_with_its_id(
    tiny_model: Any, output: str, said: str
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
