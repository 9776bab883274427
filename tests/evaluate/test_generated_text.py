"""From a model's tokens to an answer: where it ends, which part is thought, and when there is no answer."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import ModelError
from tuneworth.evaluate.outputs.generate import Generation, generate, generate_outputs
from tuneworth.evaluate.outputs.requests import plan_requests
from tuneworth.train import chat_messages

Chain = Callable[..., Any]

PLAIN = (
    "{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'].split('</think>')[-1] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)
OPENED = (  # the prompt opens the thoughts, and an answer without any closes them at once
    "{% for m in messages %}<|turn|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' %}<think></think>{% endif %}{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n<think>{% endif %}"
)


@pytest.fixture
def chain_model(tiny_folder: Path, tmp_path: Path) -> Chain:
    """A model that generates the tokens of a chain, starting after the first one."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from tuneworth.train import load_model

    torch.set_num_threads(1)

    def made(*chains: Sequence[str], template: str = PLAIN, broken: bool = False) -> Any:
        tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
        tokenizer.add_tokens(["<think>", "</think>"])
        tokenizer.chat_template = template
        size, width = len(tokenizer), 64
        config = LlamaConfig(
            vocab_size=size, hidden_size=width, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=1, max_position_embeddings=256, tie_word_embeddings=False,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
        )  # fmt: skip
        torch.manual_seed(1)
        model = LlamaForCausalLM(config)
        with torch.no_grad():
            layer = model.model.layers[0]
            layer.self_attn.o_proj.weight.zero_()  # nothing but the last token counts
            layer.mlp.down_proj.weight.zero_()
            embedded = torch.nn.functional.normalize(torch.randn(size, width), dim=1)
            model.model.embed_tokens.weight.copy_(embedded)
            for chain in chains:
                ids = tokenizer.convert_tokens_to_ids(list(chain))
                for one, following in pairwise(ids):
                    model.lm_head.weight[following] = embedded[one] * 9
            if broken:
                model.model.embed_tokens.weight[ids[1]] = float("nan")
        model.save_pretrained(tmp_path / "chain")
        tokenizer.save_pretrained(tmp_path / "chain")
        return load_model(str(tmp_path / "chain"), dtype="float32")

    return made


def answer(loaded: Any, *, most: int = 12) -> Generation:
    (found,) = generate(loaded, [chat_messages("q")], max_new_tokens=most)
    return found


def test_an_answer_ends_at_the_end_of_turn_or_at_the_limit(chain_model: Chain) -> None:
    loaded = chain_model(["Ċ", *"yes", "<|end|>"])
    whole = answer(loaded)
    assert (whole.output, whole.finish_reason, whole.output_tokens, whole.reasoning_tokens) == ("yes", "stop", 4, 0)
    assert answer(loaded, most=4).finish_reason == "stop"
    cut = answer(loaded, most=3)
    assert (cut.output, cut.finish_reason, cut.output_tokens) == ("yes", "length", 3)
    one = answer(loaded, most=1)
    assert (one.output, one.finish_reason, one.output_tokens) == ("y", "length", 1)


def test_a_model_that_generates_nothing_gives_an_empty_output(chain_model: Chain) -> None:
    found = answer(chain_model(["Ċ", "<|end|>"]))
    assert (found.output, found.finish_reason, found.output_tokens) == ("", "stop", 1)


def test_thoughts_are_not_part_of_the_answer_but_are_counted(chain_model: Chain) -> None:
    found = answer(chain_model(["Ċ", "<think>", "a", "b", "</think>", *"yes", "<|end|>"]))
    assert (found.output, found.output_tokens, found.reasoning_tokens) == ("yes", 8, 4)


def test_thoughts_without_an_end_give_no_answer(chain_model: Chain) -> None:
    found = answer(chain_model(["Ċ", "<think>", "a", "b", "a"]))
    assert (found.output, found.finish_reason, found.reasoning_tokens) == ("", "length", found.output_tokens)


def test_if_the_prompt_opens_the_thoughts_the_text_begins_inside_them(chain_model: Chain) -> None:
    thinking = answer(chain_model(["<think>", "a", "b", "</think>", *"yes", "<|end|>"], template=OPENED))
    assert (thinking.output, thinking.reasoning_tokens) == ("yes", 3)
    at_once = answer(chain_model(["<think>", "</think>", *"yes", "<|end|>"], template=OPENED))
    assert (at_once.output, at_once.reasoning_tokens) == ("yes", 0)


def test_marks_of_thought_are_ordinary_text_for_a_model_that_does_not_think(chain_model: Chain) -> None:
    template = PLAIN.replace(".split('</think>')[-1]", "")
    found = answer(chain_model(["Ċ", "<think>", "a", "</think>", "b", "<|end|>"], template=template))
    assert (found.output, found.reasoning_tokens) == ("<think>a</think>b", 0)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_that_computes_nan_is_an_error(chain_model: Chain, temperature: float) -> None:
    loaded = chain_model(["Ċ", "y", "e", "s"], broken=True)
    seen: list[list[Generation]] = []
    with pytest.raises(ModelError, match="is broken: its outputs are not finite"):
        generate(
            loaded, [chat_messages("q")], max_new_tokens=50, temperature=temperature, on_batch=seen.append
        )  # fmt: skip
    assert not seen


@pytest.mark.slow
def test_an_adapter_with_nan_is_named(tiny_model: Any, tmp_path: Path) -> None:
    import torch

    from tuneworth.train.model.kernels import attach_adapter, detach_adapter, lora_layers

    adapted = attach_adapter(tiny_model.model, rank=4, alpha=8, seed=5, name="tiny")
    torch.nn.init.constant_(lora_layers(adapted)[0].lora_B["default"].weight, float("nan"))
    adapted.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    detach_adapter(tiny_model.model)
    with pytest.raises(ModelError, match=r"with the adapter .*/adapter is broken.*\nTrain again"):
        generate(tiny_model, [chat_messages("q")], adapter=tmp_path / "adapter", max_new_tokens=4)
    assert generate(tiny_model, [chat_messages("q")], max_new_tokens=4)


@pytest.mark.parametrize("way", ["fast", pytest.param("stock", marks=pytest.mark.slow)])
def test_samples_that_share_their_prompts_equal_separate_ones(tiny_model: Any, way: str) -> None:
    if way == "stock":
        tiny_model.model.set_attn_implementation("eager")
    chats = [chat_messages("abc " * (n % 5 + 1), system="Write one line.") for n in range(7)]
    requests = plan_requests(tiny_model, chats, max_new_tokens=12, batch_size=3)
    tiny_model.model.generation_config.eos_token_id = list(range(60, 90))  # rows leave at different times

    def written(samples: Sequence[int]) -> list[tuple[Any, ...]]:
        found = generate_outputs(tiny_model, requests, temperature=1.0, samples=samples)
        return [(one.index, one.sample, one.output, one.output_tokens) for one in found]

    together = written([0, 1, 2])
    apart = sorted(row for sample in range(3) for row in written([sample]))
    assert together == apart
    assert len({tokens for *_, tokens in together}) > 3
    assert written([2, 0]) == [row for row in apart if row[1] != 1]
