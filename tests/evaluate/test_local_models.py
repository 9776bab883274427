"""Several models on one machine: their order, their memory, and adapters of other models."""

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tuneworth.core import ModelError
from tuneworth.evaluate import EvaluateSettings, Variant, by_model, check_adapters, counter_of, race, release
from tuneworth.train import load_model

from .local_outputs import adapter_of


@pytest.fixture
def larger_folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A model of twice the width, with the same tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    config = LlamaConfig.from_pretrained(tiny_folder)
    config.hidden_size, config.head_dim = 64, 16
    torch.manual_seed(1)
    LlamaForCausalLM(config).save_pretrained(tmp_path / "larger")
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(tmp_path / "larger")
    return tmp_path / "larger"


def test_each_model_is_loaded_once_and_the_one_of_train_first() -> None:
    variants = [
        Variant("file", "outputs"),
        Variant("big", "base model", model="large"),
        Variant("plain", "base model"),
        Variant("hosted", "endpoint", model="gpt"),
        Variant("bigger", "base model", guide="g", model="large"),
        Variant("same", "base model", model="small"),
        Variant("tuned", "adapter", adapter=Path("a")),
    ]
    groups = [[variant.name for variant in group] for group in by_model(variants, own="small")]
    assert groups == [["plain", "same", "tuned"], ["big", "bigger"]]
    assert [len(group) for group in by_model(variants)] == [2, 2, 1]
    assert by_model(variants[:1]) == []
    assert [[v.name for v in group] for group in by_model(variants[1:2])] == [["big"]]


@pytest.mark.slow
def test_a_released_model_frees_memory_despite_references(tiny_folder: Path) -> None:
    loaded = load_model(str(tiny_folder), dtype="float32")
    count = counter_of(loaded)
    release(loaded)
    assert sum(p.nbytes for p in [*loaded.model.parameters(), *loaded.model.buffers()]) == 0
    assert list(count(["abc", ""])) == [3, 0]
    model = weakref.ref(loaded.model)
    del loaded
    gc.collect()
    assert model() is None  # the counter holds the tokenizer alone


@pytest.mark.slow
def test_models_of_different_sizes_run_on_the_same_pairs(
    tiny_folder: Path, larger_folder: Path, tmp_path: Path
) -> None:
    pairs = pl.DataFrame({"id": ["a", "b"], "input": ["x", "yy"], "system": [None, None]})
    pairs = pairs.cast({"system": pl.String})
    small = load_model(str(tiny_folder), dtype="float32")
    tuned = Variant("tuned", "adapter", adapter=adapter_of(small, tmp_path / "adapter"))
    base = Variant("big", "base model", guide="Write.", model=str(larger_folder))
    assert check_adapters([tuned, base], own=str(tiny_folder)) == []
    found = {}
    for variant, folder in ((tuned, tiny_folder), (base, larger_folder)):
        loaded = load_model(str(folder), dtype="float32")
        found[variant.name] = race(
            variant, pairs, loaded=loaded, settings=EvaluateSettings(), max_new_tokens=5, store=tmp_path / "store"
        )
        release(loaded)
    assert [set(one.outputs["model"]) for one in found.values()] == [{str(tiny_folder)}, {str(larger_folder)}]
    assert found["big"].guide_tokens > 0 == found["tuned"].guide_tokens  # type: ignore[operator]


def test_all_adapters_of_other_models_are_reported_before_any_work(
    tiny_model: Any, larger_folder: Path, tmp_path: Path
) -> None:
    adapter = adapter_of(tiny_model, tmp_path / "adapter")
    (tmp_path / "empty").mkdir()
    deeper = adapter_of(tiny_model, tmp_path / "deeper")
    renamed(deeper, "layers.1.", "layers.7.")
    variants = [
        Variant("one", "adapter", adapter=adapter, model=str(larger_folder)),
        Variant("two", "adapter", adapter=tmp_path / "empty"),
        Variant("three", "adapter", adapter=deeper),
        Variant("fine", "adapter", adapter=adapter),
    ]
    with pytest.raises(ModelError) as raised:
        check_adapters(variants, own=str(tiny_model.path))
    said = str(raised.value)
    assert "3 problems" in said
    assert 'variant "one"' in said
    assert "numbers, but the model's layer takes" in said
    assert "It was made for tiny." in said
    assert 'variant "two"' in said
    assert "holds no adapter" in said
    assert "the model has no linear layer model.layers.7." in said
    assert "fine" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "said"), [("lora_A", "it takes 32 numbers, but"), ("lora_B", r"it gives (32|16|48) numbers, but")]
)
def test_inputs_and_outputs_of_a_layer_are_both_compared(
    tiny_model: Any, larger_folder: Path, tmp_path: Path, part: str, said: str
) -> None:
    from safetensors.torch import load_file, save_file

    adapter = adapter_of(tiny_model, tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    save_file({name: tensor for name, tensor in load_file(file).items() if part in name}, file)
    with pytest.raises(ModelError, match=said):
        check_adapters([Variant("tuned", "adapter", adapter=adapter)], own=str(larger_folder))


def renamed(adapter: Path, old: str, new: str) -> None:
    from safetensors.torch import load_file, save_file

    file = adapter / "adapter_model.safetensors"
    save_file({name.replace(old, new): tensor for name, tensor in load_file(file).items()}, file)


def test_a_model_that_cannot_be_checked_yet_is_not_an_error(tiny_model: Any, tmp_path: Path) -> None:
    adapter = adapter_of(tiny_model, tmp_path / "adapter")
    variants = [Variant("tuned", "adapter", adapter=adapter)]
    for base, count in (("org/other", 0), (None, 0)):  # a folder has no name to compare with
        config = json.loads((adapter / "adapter_config.json").read_text())
        (adapter / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": base}))
        assert len(check_adapters(variants, own=str(tiny_model.path))) == count
    assert check_adapters(variants, own="org/never-fetched") == []  # nothing is fetched to find out


def test_our_adapters_record_their_base_weights(tiny_model: Any, tmp_path: Path) -> None:
    adapter = adapter_of(tiny_model, tmp_path / "adapter")
    record = {"schema": "tuneworth/adapter/1", "base": {"name": "x", "sha256": "0" * 64}}
    (adapter / "tuneworth.json").write_text(json.dumps(record))
    with pytest.raises(ModelError, match="belongs to weights with SHA-256 000000000000, not"):
        check_adapters([Variant("tuned", "adapter", adapter=adapter)], own=str(tiny_model.path))


def test_damaged_weights_are_an_error(tiny_model: Any, tmp_path: Path) -> None:
    adapter = adapter_of(tiny_model, tmp_path / "adapter")
    (adapter / "adapter_model.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="are damaged"):
        check_adapters([Variant("tuned", "adapter", adapter=adapter)], own=str(tiny_model.path))
