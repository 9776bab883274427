import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from tuneworth.core import ConfigError, DataError, ModelError, RunBroken
from tuneworth.train import TrainSettings, fit, load_model, merge, merged_adapter
from tuneworth.train.model.adapter import attached_adapter
from tuneworth.train.model.kernels import detach_adapter
from tuneworth.train.model.merge import compare, row_logits, rows_to_compare

WORDS = ["resistor", "diode", "relay", "fuse", "lamp", "switch", "coil", "motor"]
PAIRS = pl.DataFrame({"id": WORDS, "input": WORDS, "output": [f"yes, {word}" for word in WORDS]})
QUICK = TrainSettings(rank=4, alpha=8, max_steps=6, batch_size=4, learning_rate=2e-2, checkpoint_steps=0)


@pytest.fixture(scope="module")
def fitted(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = load_model(str(tiny_folder), dtype="float32")
    return fit(PAIRS, PAIRS[:0], model=model, settings=QUICK, out=tmp_path_factory.mktemp("fitted")).adapter


@pytest.fixture
def adapter(fitted: Path, tmp_path: Path) -> Path:
    """An adapter of ours for the tiny model, to be spoilt."""
    return Path(shutil.copytree(fitted, tmp_path / "train" / "adapter"))


def other_tools(tiny_model: Any, folder: Path, **settings: Any) -> Path:
    """An adapter of plain peft with random weights, without anything of ours beside it."""
    torch.manual_seed(1)
    settings = {"r": 4, "target_modules": ["q_proj", "up_proj"], "init_lora_weights": False} | settings
    adapted = get_peft_model(tiny_model.model, LoraConfig(task_type="CAUSAL_LM", **settings))
    adapted.save_pretrained(folder)
    detach_adapter(tiny_model.model)
    for module in tiny_model.model.modules():
        vars(module).pop("peft_config", None)
    return folder


@pytest.mark.slow
def test_the_merged_folder_says_what_the_adapter_says_and_not_what_the_base_says(
    tiny_model: Any, adapter: Path, tmp_path: Path
) -> None:
    before = {name: tensor.clone() for name, tensor in tiny_model.model.state_dict().items()}
    result = merge(tiny_model, adapter, tmp_path / "merged", pairs=PAIRS)
    agreement = result.agreement
    assert agreement.rows == 8
    assert agreement.drift < 1e-5 < 0.05 < agreement.effect
    assert agreement.same_token_share == 1
    assert agreement.from_base == pytest.approx(agreement.effect, rel=1e-3)
    again = load_model(str(tmp_path / "merged"), dtype="float32")
    rows = rows_to_compare(tiny_model)
    with attached_adapter(tiny_model, adapter) as adapted:
        tuned = row_logits(adapted, rows)
    assert torch.allclose(row_logits(again.model, rows), tuned, atol=1e-4)
    after = tiny_model.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_a_merged_folder_holds(tiny_model: Any, adapter: Path, tmp_path: Path) -> None:
    result = merge(tiny_model, adapter, tmp_path / "merged", pairs=PAIRS)
    names = {path.name for path in result.folder.iterdir()}
    assert {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "chat_template.jinja",
    } <= names
    assert {"README.md", "tuneworth.json"} <= names
    assert "lm_head.weight" not in load_file(result.folder / "model.safetensors")  # shared with the embeddings
    assert result.bytes == (result.folder / "model.safetensors").stat().st_size
    assert result.summary()["agreement"]["rows"] == 8
    assert json.loads((result.folder / "tuneworth.json").read_text())["base"]["sha256"] == tiny_model.sha256
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_weights_are_written_in_the_format_of_the_base_models_files(
    tiny_model: Any, tiny_folder: Path, adapter: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_folder, tmp_path / "low")
    low = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(tiny_folder / "model.safetensors").items()}
    save_file(low, tmp_path / "low" / "model.safetensors", metadata={"format": "pt"})
    model = load_model(str(tmp_path / "low"), dtype="float32")  # as on a processor without bf16
    (adapter / "tuneworth.json").unlink()
    result = merge(model, adapter, tmp_path / "merged")
    written = load_file(tmp_path / "merged" / "model.safetensors")
    assert result.dtype == "bfloat16"
    assert {tensor.dtype for tensor in written.values()} == {torch.bfloat16}
    assert "lm_head.weight" not in written
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["dtype"] == "bfloat16"
    assert 1e-4 < result.agreement.drift < 0.05


@pytest.mark.slow
def test_a_model_that_computes_in_bf16_is_merged_into_its_float32_files(
    tiny_folder: Path, adapter: Path, tmp_path: Path
) -> None:
    model = load_model(str(tiny_folder), dtype="bfloat16")  # what is faster where a processor has bf16
    (adapter / "tuneworth.json").unlink()
    result = merge(model, adapter, tmp_path / "merged")
    assert result.dtype == "float32"
    assert 1e-3 < result.agreement.drift < 0.1  # the rounding of what is computed, not of what is written


def test_a_large_model_is_written_in_several_files(
    tiny_model: Any, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuneworth.train.model.merge.SHARD", "20KB")
    merge(tiny_model, adapter, tmp_path / "merged")
    assert len(list((tmp_path / "merged").glob("model-*.safetensors"))) > 1
    assert load_model(str(tmp_path / "merged"), dtype="float32").sha256 != tiny_model.sha256


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True, "lora_alpha": 3},
        {"rank_pattern": {"up_proj": 2}, "alpha_pattern": {"up_proj": 5}},
        {"target_modules": ["q_proj", "lm_head"]},  # the head shares its weights with the embeddings
    ],
)
def test_a_plain_lora_of_another_tool_is_merged(tiny_model: Any, tmp_path: Path, settings: dict[str, Any]) -> None:
    folder = other_tools(tiny_model, tmp_path / "theirs", **settings)
    result = merge(tiny_model, folder, tmp_path / "merged")
    assert result.agreement.drift < 1e-5 < result.agreement.effect
    tied = json.loads((tmp_path / "merged" / "config.json").read_text())["tie_word_embeddings"]
    assert tied == ("lm_head" not in settings.get("target_modules", []))
    assert tiny_model.model.config.tie_word_embeddings
    assert "another tool" in (tmp_path / "merged" / "README.md").read_text()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"target_modules": ["q_proj", "embed_tokens"]}, "Only plain LoRA|do not match"),
    ],
)
def test_what_is_more_than_a_plain_lora_is_refused(
    tiny_model: Any, tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    folder = other_tools(tiny_model, tmp_path / "theirs", **settings)
    with pytest.raises(ModelError, match=said) as error:
        merge(tiny_model, folder, tmp_path / "merged")
    assert len(str(error.value).splitlines()) <= 3
    assert not (tmp_path / "merged").exists()


def renamed_layers(adapter: Path) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    some = {name: tensor for name, tensor in weights.items() if "layers.1." not in name}
    save_file(some, adapter / "adapter_model.safetensors", metadata={"format": "pt"})


def cut_off(adapter: Path) -> None:
    file = adapter / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def of_other_weights(adapter: Path) -> None:
    record = json.loads((adapter / "tuneworth.json").read_text())
    record["base"] |= {"sha256": "0" * 64, "name": "org/other"}
    (adapter / "tuneworth.json").write_text(json.dumps(record))


def of_another_shape(adapter: Path) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file(
        {name: tensor[:, :3].contiguous() for name, tensor in weights.items()}, adapter / "adapter_model.safetensors"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (shutil.rmtree, "holds no adapter"),
        (lambda adapter: (adapter / "adapter_model.safetensors").unlink(), r"lacks adapter_model\.safetensors"),
        (lambda adapter: (adapter / "adapter_config.json").write_text("{"), "cannot be read"),
        (lambda adapter: (adapter / "adapter_config.json").write_text("[]"), "does not hold an adapter's settings"),
        (lambda adapter: (adapter / "adapter_config.json").write_text('{"peft_type": "IA3"}'), "IA3"),
        (lambda adapter: (adapter / "tuneworth.json").write_text("{"), r"tuneworth\.json: not readable as JSON"),
        (cut_off, "damaged"),
        (renamed_layers, "lacks 14 unmatched tensors"),
        (of_other_weights, r"org/other with SHA-256 000000000000"),
        (of_another_shape, "does not fit"),
    ],
)  # fmt: skip
def test_an_adapter_that_does_not_fit_is_named_and_leaves_no_trace(
    tiny_model: Any, adapter: Path, tmp_path: Path, spoil: Callable[[Path], Any], said: str
) -> None:
    spoil(adapter)
    with pytest.raises((DataError, ModelError), match=said) as error:
        merge(tiny_model, adapter, tmp_path / "merged")
    assert len(str(error.value).splitlines()) <= 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train"]
    assert not any("lora" in name for name, _ in tiny_model.model.named_modules())


def test_an_adapter_that_changes_nothing_is_not_merged(tiny_model: Any, tmp_path: Path) -> None:
    folder = other_tools(tiny_model, tmp_path / "theirs", init_lora_weights=True)
    with pytest.raises(ModelError, match="changes nothing"):
        merge(tiny_model, folder, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_weights_that_are_no_numbers_are_not_merged(tiny_model: Any, adapter: Path, tmp_path: Path) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    weights[next(iter(weights))].fill_(float("nan"))
    save_file(weights, adapter / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="not finite numbers"):
        merge(tiny_model, adapter, tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train"]


def test_a_merge_that_is_the_base_or_another_model_is_refused() -> None:
    torch.manual_seed(0)
    base, change = torch.randn(64, 20), torch.randn(64, 20)
    weak = base + 0.02 * change
    assert compare(weak + 1e-4 * change, weak, base, rows=1, kind="bfloat16").drift < 1e-3
    with pytest.raises(RunBroken, match="too little of the adapter would survive"):
        compare(base, weak, base, rows=1, kind="bfloat16")
    with pytest.raises(RunBroken, match="does not match the adapter"):
        compare(base, base + change, base, rows=1, kind="bfloat16")
    with pytest.raises(RunBroken, match="does not match the adapter"):
        compare(base + 0.5 * change, base + change, base, rows=1, kind="bfloat16")


def test_a_disk_that_is_too_small_is_refused_with_both_numbers(
    tiny_model: Any, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=50_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RunBroken, match=r"needs [\d.]+ MB, but only 50 MB is free"):
        merge(tiny_model, adapter, tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train"]


@pytest.mark.slow
def test_a_merge_takes_the_place_of_an_older_one(tiny_model: Any, adapter: Path, tmp_path: Path) -> None:
    merge(tiny_model, adapter, tmp_path / "merged")
    (tmp_path / "merged" / "model-00001-of-00002.safetensors").write_text("old")
    merge(tiny_model, adapter, tmp_path / "merged")
    assert [file.name for file in (tmp_path / "merged").glob("*.safetensors")] == ["model.safetensors"]


@pytest.mark.parametrize("place", ["train/adapter", "other", "file"])
def test_nothing_of_anybody_elses_is_replaced(tiny_model: Any, adapter: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="does not hold a merged model"):
        merge(tiny_model, adapter, tmp_path / place)
    assert (adapter / "adapter_model.safetensors").is_file()
    assert (tmp_path / "other" / "thesis.txt").read_text() == (tmp_path / "file").read_text() == "mine"


def test_an_adapter_whose_making_changes_the_base_model_is_refused_before_it_does(
    tiny_model: Any, adapter: Path, tmp_path: Path
) -> None:
    table = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**table, "init_lora_weights": "pissa"}))
    before = {name: tensor.clone() for name, tensor in tiny_model.model.state_dict().items()}
    with pytest.raises(ModelError, match="init_lora_weights"):
        merge(tiny_model, adapter, tmp_path / "merged")
    assert all(torch.equal(before[name], tensor) for name, tensor in tiny_model.model.state_dict().items())


def test_an_adapter_that_brings_other_embeddings_is_refused_before_they_are_in_the_model(
    tiny_model: Any, adapter: Path, tmp_path: Path
) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    weights["base_model.model.model.embed_tokens.weight"] = tiny_model.model.model.embed_tokens.weight + 1
    save_file(weights, adapter / "adapter_model.safetensors", metadata={"format": "pt"})
    before = tiny_model.model.model.embed_tokens.weight.clone()
    with pytest.raises(ModelError, match=r"also changes base_model\.model\.model\.embed_tokens"):
        merge(tiny_model, adapter, tmp_path / "merged")
    assert torch.equal(tiny_model.model.model.embed_tokens.weight, before)


def test_the_merged_model_in_memory_keeps_embeddings_apart_from_a_tuned_head(tiny_model: Any, tmp_path: Path) -> None:
    folder = other_tools(tiny_model, tmp_path / "theirs", target_modules=["lm_head"])
    rows = rows_to_compare(tiny_model)
    with attached_adapter(tiny_model, folder) as adapted:
        tuned = row_logits(adapted, rows)
    with merged_adapter(tiny_model, folder) as merged:
        assert torch.allclose(row_logits(merged, rows), tuned, atol=1e-4)
    assert tiny_model.model.lm_head.weight is tiny_model.model.model.embed_tokens.weight
