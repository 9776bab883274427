"""Fixtures of more than one folder; nothing heavy is imported before a test asks for it."""

import gc
import os
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Examples of each property that says no number: few in `make test`, more in `make test-slow`, many on request. CI draws
# the same ones each time, so that it tells of the change at hand; whoever works on the code draws others each time. No
# test fails for being slow: machines differ, and so does what runs beside them.
for name, examples in {"few": 15, "more": 60, "thorough": 1_000}.items():
    settings.register_profile(name, deadline=None, max_examples=examples, derandomize="CI" in os.environ)
settings.load_profile("few")

# A worker of pytest-xdist per core: more threads in each would wait for one another. Read when the libraries load.
if "PYTEST_XDIST_WORKER" in os.environ:
    for pool in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ.setdefault(pool, "1")


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of later searches for garbage: it stays to the end.

    Half a second each otherwise, and training, generating and statsmodels search on purpose.
    """
    gc.collect()
    gc.freeze()


TEMPLATE = (
    "{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)


def tiny_tokenizer(template: str = TEMPLATE) -> Any:
    """Bytes as tokens, three special tokens, a chat template that ends each turn with `<|end|>`."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in ("<|pad|>", "<|turn|>", "<|end|>")])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")
    fast.chat_template = template
    return fast


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama with its tokenizer, as a model folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=264, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True,
        initializer_range=0.3,  # at the usual 0.02 a frozen random head can say nothing with confidence
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def loaded_tiny(tiny_folder: Path) -> Any:
    from tuneworth.train import load_model

    return load_model(str(tiny_folder), dtype="float32")


@pytest.fixture
def tiny_model(loaded_tiny: Any) -> Iterator[Any]:
    """The tiny model in memory, in fp32; one thread, for its products are too small to divide."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield replace(loaded_tiny, model=deepcopy(loaded_tiny.model), tokenizer=deepcopy(loaded_tiny.tokenizer))
    torch.set_num_threads(threads)
