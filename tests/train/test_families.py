import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from tuneworth.core import DataError
from tuneworth.evaluate.outputs.generate import generate
from tuneworth.train import TrainSettings, answer_margins, chat_messages, fit, preview, render_prompt
from tuneworth.train.batches import collate
from tuneworth.train.examples import Example, to_examples
from tuneworth.train.loss import fast_paths
from tuneworth.train.model.kernels import attach_adapter, detach_adapter, lora_layers, replace_forward, restore_forward

OUTPUTS = ["plain", "two\n\nparts", "  with spaces", "\nsecond line", "ünï ◌ 東 \u202eback\x00", "a"]


def pairs(outputs: list[str] = OUTPUTS, system: str | None = None) -> pl.DataFrame:
    rows = [(f"p{n}", f"name: {n} {'x' * n}", text, system) for n, text in enumerate(outputs)]
    return pl.DataFrame(rows, schema=["id", "input", "output", "system"], orient="row")


def answer(model: Any, example: Example) -> str:
    return model.tokenizer.decode(example.ids[example.prompt_tokens :])


# --- the traps ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_answer_ends_with_the_end_token_inside_the_loss(family: Any, family_model: Any) -> None:
    examples = to_examples(pairs(), model=family_model)
    end = family_model.tokenizer.convert_tokens_to_ids(family.end)
    for example in examples:
        assert example.ids[-1] == end
        assert example.ids[example.prompt_tokens :].count(end) == 1
        assert example.answer_tokens >= 2
    for one_sequence in (False, True):  # also where the padding token is the end token
        batch = collate(examples, device="cpu", one_sequence=one_sequence)
        assert batch.labels.tolist().count(end) == len(examples)
        assert batch.ids.flatten()[batch.places + 1].tolist() == batch.labels.tolist() or one_sequence


@pytest.mark.slow
def test_the_whole_output_is_learnt_behind_the_prompt_that_is_asked(family_model: Any) -> None:
    for row, example in zip(pairs().rows(), to_examples(pairs(), model=family_model), strict=True):
        asked = render_prompt(family_model.tokenizer, chat_messages(row[1]))
        assert list(example.ids[: example.prompt_tokens]) == asked
        assert row[2].strip() in answer(family_model, example)


def test_a_text_begins_once(family_model: Any) -> None:
    tokenizer = family_model.tokenizer
    opens_turns = tokenizer.bos_token == "<|im_start|>"  # SmolLM2's
    for example in to_examples(pairs(system="Be brief."), model=family_model):
        assert example.ids.count(tokenizer.bos_token_id) == (3 if opens_turns else 1 if tokenizer.bos_token else 0)


def test_the_system_text_stands_in_front_of_the_input_whatever_the_template_knows(family_model: Any) -> None:
    for example in to_examples(pairs(system="Be brief."), model=family_model):
        text = family_model.tokenizer.decode(example.ids[: example.prompt_tokens])
        assert 0 <= text.index("Be brief.") < text.index("name: ")


def test_what_the_template_says_by_itself_is_part_of_the_prompt(family: Any, family_model: Any) -> None:
    (example,) = to_examples(pairs(["x"]), model=family_model)
    text = family_model.tokenizer.decode(example.ids[: example.prompt_tokens])
    assert ("You are a helper." in text) == ("You are a helper." in (family.template or ""))


def test_the_names_of_control_tokens_in_an_input_are_text(family: Any, family_model: Any) -> None:
    tokenizer = family_model.tokenizer
    hostile = f"stop{family.end} {tokenizer.bos_token or ''} </think>"
    table = pairs(["fine"]).with_columns(input=pl.lit(hostile), system=pl.lit(f"Be {family.end}brief."))
    tame = pairs(["fine"], system="Be brief.")
    (example,), (other,) = (to_examples(t, model=family_model) for t in (table, tame))
    special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    assert [id for id in example.ids if id in special] == [id for id in other.ids if id in special]
    assert hostile in tokenizer.decode(example.ids[: example.prompt_tokens])
    assert answer(family_model, example) == answer(family_model, other)
    asked = render_prompt(tokenizer, chat_messages(hostile, system=f"Be {family.end}brief."))
    assert list(example.ids[: example.prompt_tokens]) == asked


def test_a_special_token_inside_an_output_is_an_error_with_its_id(family: Any, family_model: Any) -> None:
    special = next(t for t in family_model.tokenizer.added_tokens_decoder.values() if t.special).content
    for text in (family.end, special):
        with pytest.raises(DataError, match="p1") as error:
            to_examples(pairs(["fine", f"left{text}over"]), model=family_model)
        assert repr(text) in str(error.value)


def test_the_preview_shows_prompt_answer_and_end(family: Any, family_model: Any) -> None:
    lines = preview(pairs(), model=family_model).splitlines()
    assert lines[-1].startswith("  > ")
    assert lines[-1].endswith(family.end)
    assert any(line.startswith("  | ") and "name: " in line for line in lines)


# --- the fast path ------------------------------------------------------------------------------------------------


def loss_row_by_row(base: Any, examples: list[Example]) -> Any:
    """transformers' own loss of its own forward, one row at a time and nothing padded: the oracle."""
    total = torch.zeros(())
    for example in examples:
        labels = torch.tensor([[-100] * example.prompt_tokens + list(example.ids[example.prompt_tokens :])])
        total = total + base(input_ids=torch.tensor([example.ids]), labels=labels).loss * example.answer_tokens
    return total


def gradients(adapted: Any, loss: Any) -> dict[str, Any]:
    adapted.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in adapted.named_parameters() if p.requires_grad}


@pytest.mark.slow
def test_the_fast_path_gives_the_loss_and_gradients_of_the_family(family: Any, family_model: Any) -> None:
    examples = to_examples(pairs(system="Answer in the manner of a catalogue."), model=family_model)
    adapted = attach_adapter(family_model.model, rank=4, alpha=8, seed=5, name="tiny")
    for layer in lora_layers(adapted):  # B not zero, as after some steps
        torch.nn.init.normal_(layer.lora_B["default"].weight, std=0.1)
    wanted_loss = loss_row_by_row(adapted.get_base_model(), examples)
    wanted = gradients(adapted, wanted_loss)
    with fast_paths(adapted, examples) as (path, notices):
        assert replace_forward(adapted) == 0
        batch = path.batch(examples)
        loss = path.loss(batch).total
        found = gradients(adapted, loss)
        restore_forward(adapted)
    detach_adapter(family_model.model)
    assert loss.item() == pytest.approx(wanted_loss.item(), rel=1e-5)
    for name, grad in wanted.items():
        torch.testing.assert_close(found[name], grad, rtol=1e-3, atol=1e-4 * float(grad.abs().max()) + 1e-5)
    assert (path.use is not None) == family.one_sequence == (batch.layout is not None)
    assert (path.parts is not None) == family.split_head
    assert len(notices) == (not family.one_sequence) + (not family.split_head)


# --- a fit --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_fit_leaves_an_adapter_that_plain_peft_loads_and_that_stops(
    family_to_fit: Any, family_models: Callable[[Any], Any], tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    table, family_model = pairs(["ok"] * 2), family_models(family_to_fit)
    settings = TrainSettings(rank=8, alpha=16, max_steps=25, batch_size=2, learning_rate=2e-2, checkpoint_steps=0)
    result = fit(table, table[:0], model=family_model, settings=settings, out=tmp_path)
    prompts = [chat_messages(text) for text in table["input"]]
    assert [(g.output, g.finish_reason) for g in generate(family_model, prompts, adapter=result.adapter,
                                                          max_new_tokens=8)] == [("ok", "stop")] * 2  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(result.adapter)
    assert tokenizer.chat_template == family_model.tokenizer.chat_template
    ids = tokenizer.apply_chat_template(prompts[0], add_generation_prompt=True, return_dict=False)
    assert ids == render_prompt(family_model.tokenizer, prompts[0])
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(family_model.path), str(result.adapter))
    stops = json.loads((result.adapter / "generation_config.json").read_text())["eos_token_id"]
    out = plain.generate(input_ids=torch.tensor([ids]), max_new_tokens=8, do_sample=False, eos_token_id=stops,
                         pad_token_id=0)  # fmt: skip
    before, after = answer_margins(tokenizer)
    assert tokenizer.decode(out[0][len(ids) :]).strip() == f"{before}ok{after}{family_to_fit.end}".strip()
