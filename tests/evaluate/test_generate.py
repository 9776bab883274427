import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ModelError
from tuneworth.evaluate import prompt_tokens
from tuneworth.evaluate.outputs.generate import Generation, generate
from tuneworth.evaluate.outputs.requests import plan_requests, prompt_batches
from tuneworth.train import chat_messages, merged_adapter
from tuneworth.train.model.kernels import attach_adapter, detach_adapter, lora_layers

GUIDE = "Write one line about the part."


def chats(count: int, *, guide: str | None = None) -> list[list[dict[str, str]]]:
    chance = random.Random(4)
    texts = ["".join(chance.choices("abcdef ", k=chance.randint(1, 25))) for _ in range(count)]
    return [chat_messages(text, system=guide, examples=[("q", "a")] if guide else ()) for text in texts]


def theirs(loaded: Any, messages: list[dict[str, str]], *, limit: int, model: Any = None) -> list[int]:
    """New tokens of transformers' own greedy `generate`, one prompt at a time."""
    text = loaded.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = torch.tensor([loaded.tokenizer(text, add_special_tokens=False)["input_ids"]])
    out = (model or loaded.model).generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, do_sample=False
    )
    return out[0, ids.shape[1] :].tolist()


def text_of(loaded: Any, tokens: list[int]) -> str:
    return loaded.tokenizer.decode(tokens, skip_special_tokens=True)


@pytest.fixture
def adapter(tiny_model: Any, tmp_path: Path) -> Path:
    """An adapter with a strong effect, some of whose outputs end."""
    adapted = attach_adapter(tiny_model.model, rank=4, alpha=8, seed=5, name="tiny")
    torch.manual_seed(3)
    for layer in lora_layers(adapted):
        torch.nn.init.normal_(layer.lora_B["default"].weight, std=0.2)
    adapted.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    detach_adapter(tiny_model.model)
    return tmp_path / "adapter"


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 3, 16])
@pytest.mark.parametrize("guide", [None, GUIDE])
def test_greedy_outputs_equal_those_of_transformers(tiny_model: Any, guide: str | None, batch_size: int) -> None:
    prompts = chats(7, guide=guide)
    for index, ours in enumerate(generate(tiny_model, prompts, max_new_tokens=12, batch_size=batch_size)):
        tokens = theirs(tiny_model, prompts[index], limit=12)
        assert ours.index == index
        assert ours.output == text_of(tiny_model, tokens)
        assert ours.output_tokens == len(tokens)
        assert [ours.input_tokens] == prompt_tokens(tiny_model, [prompts[index]])


@pytest.mark.slow
def test_an_output_ends_at_the_end_of_turn_token_or_at_the_limit(tiny_model: Any) -> None:
    prompts = chats(40)
    free = generate(tiny_model, prompts, max_new_tokens=1)
    assert {g.finish_reason for g in free} == {"length"}
    # The most likely token after this prompt becomes the end token.
    best = theirs(tiny_model, prompts[0], limit=3)[2]
    tiny_model.model.generation_config.eos_token_id = best
    found = generate(tiny_model, prompts, max_new_tokens=12)
    assert found[0].finish_reason == "stop"
    assert found[0].output_tokens <= 3
    for index, ours in enumerate(found):
        tokens = theirs(tiny_model, prompts[index], limit=12)
        assert ours.output_tokens == len(tokens)
        assert ours.finish_reason == ("stop" if tokens[-1] == best else "length")


@pytest.mark.slow
def test_an_adapter_is_merged_only_during_the_work(tiny_model: Any, adapter: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    prompts = chats(5, guide=GUIDE)
    before = generate(tiny_model, prompts, max_new_tokens=10)
    tuned = generate(tiny_model, prompts, adapter=adapter, max_new_tokens=10)
    plain = AutoModelForCausalLM.from_pretrained(tiny_model.path, dtype=torch.float32)
    stock = PeftModel.from_pretrained(plain, str(adapter))
    assert [g.output for g in tuned] == [
        text_of(tiny_model, theirs(tiny_model, p, limit=10, model=stock)) for p in prompts
    ]
    assert [g.output for g in tuned] != [g.output for g in before]
    assert [g.output for g in generate(tiny_model, prompts, max_new_tokens=10)] == [g.output for g in before]


def test_merged_logits_equal_those_of_the_adapter(tiny_model: Any, adapter: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    ids = torch.arange(8 * 20).view(8, 20)
    plain = AutoModelForCausalLM.from_pretrained(tiny_model.path, dtype=torch.float32)
    with torch.no_grad():
        base = tiny_model.model(input_ids=ids).logits
        apart = PeftModel.from_pretrained(plain, str(adapter))(input_ids=ids).logits
        with merged_adapter(tiny_model, adapter) as model:
            merged = model(input_ids=ids).logits
        after = tiny_model.model(input_ids=ids).logits
    torch.testing.assert_close(merged, apart, rtol=1e-3, atol=1e-3)
    assert (merged - base).abs().max() > 1
    assert torch.equal(after, base)


def test_an_adapter_of_another_model_is_rejected_without_side_effects(
    tiny_model: Any, adapter: Path, tmp_path: Path
) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    from tuneworth.train import load_model

    config = LlamaConfig(**{**tiny_model.model.config.to_dict(), "hidden_size": 64, "head_dim": 16})
    LlamaForCausalLM(config).save_pretrained(tmp_path / "other")
    tiny_model.tokenizer.save_pretrained(tmp_path / "other")
    other = load_model(str(tmp_path / "other"), dtype="float32")
    prompts = chats(2)
    before = generate(other, prompts, max_new_tokens=5)
    with pytest.raises(ModelError, match="does not fit"):
        generate(other, prompts, adapter=adapter, max_new_tokens=5)
    assert [g.output for g in generate(other, prompts, max_new_tokens=5)] == [g.output for g in before]
    with pytest.raises(ModelError, match="holds no adapter"):
        generate(other, prompts, adapter=tmp_path, max_new_tokens=5)


def test_in_bf16_the_same_prompts_give_the_same_texts_and_the_model_is_unchanged(tiny_model: Any) -> None:
    tiny_model.model.to(torch.bfloat16)
    ids = torch.arange(20)[None]
    before = tiny_model.model(input_ids=ids).logits
    first, second = (generate(tiny_model, chats(9, guide=GUIDE), max_new_tokens=8, batch_size=4) for _ in range(2))
    assert [g.output for g in first] == [g.output for g in second]
    assert torch.equal(tiny_model.model(input_ids=ids).logits, before)
    assert not any("forward" in vars(module) for module in tiny_model.model.modules())


def test_sampling_depends_on_seed_and_place_not_on_the_batch(tiny_model: Any) -> None:
    prompts = [chats(1)[0]] * 6

    def texts(**settings: Any) -> list[str]:
        return [g.output for g in generate(tiny_model, prompts, max_new_tokens=8, temperature=1.0, **settings)]

    assert texts(seed=1) == texts(seed=1, batch_size=2)
    assert texts(seed=1) != texts(seed=2)
    assert len(set(texts(seed=1))) > 1


def test_each_batch_is_passed_on_when_it_is_finished(tiny_model: Any) -> None:
    seen: list[list[Generation]] = []
    found = generate(tiny_model, chats(5), max_new_tokens=4, batch_size=2, on_batch=seen.append)
    assert [len(batch) for batch in seen] == [2, 2, 1]
    assert sorted((g for batch in seen for g in batch), key=lambda g: g.index) == found


def test_batches_hold_each_prompt_once_longest_first() -> None:
    assert prompt_batches([3, 9, 3, 7, 9], batch_size=2) == [[1, 4], [3, 0], [2]]


def test_batches_have_similar_sizes_and_at_most_the_allowed_tokens() -> None:
    assert [len(rows) for rows in prompt_batches([5] * 70, batch_size=64)] == [35, 35]
    assert [len(rows) for rows in prompt_batches([900, *[10] * 9], batch_size=64, most_tokens=100)] == [1, 9]


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 9), st.integers(1, 500))
def test_batches_are_a_pure_function_that_loses_nothing(lengths: list[int], size: int, most: int) -> None:
    batches = prompt_batches(lengths, batch_size=size, most_tokens=most)
    assert sorted(place for rows in batches for place in rows) == list(range(len(lengths)))
    assert batches == prompt_batches(list(lengths), batch_size=size, most_tokens=most)
    for rows in batches:
        assert len(rows) == 1 or (len(rows) <= size and len(rows) * max(lengths[n] for n in rows) <= most)


def test_a_prompt_beyond_the_context_is_an_error_with_the_numbers(tiny_model: Any) -> None:
    with pytest.raises(ModelError, match=r"1 of 2 prompts .* context of 256"):
        generate(tiny_model, [chat_messages("a"), chat_messages("b" * 300)], max_new_tokens=4)


def test_the_common_prefix_is_that_of_the_whole_list(tiny_model: Any) -> None:
    similar = [chat_messages(f"same up to here {n}", system=GUIDE) for n in range(6)]
    alone = plan_requests(tiny_model, similar, max_new_tokens=4, batch_size=3)
    among = plan_requests(tiny_model, [*similar, chat_messages("else", system=GUIDE)], max_new_tokens=4, batch_size=3)
    assert among.shared == alone.shared - len("same up to here ") > len(GUIDE)
    assert among.longest == alone.longest == max(map(len, alone.ids)) + 4


def test_no_prompts_no_outputs(tiny_model: Any) -> None:
    assert generate(tiny_model, [], max_new_tokens=4) == []
