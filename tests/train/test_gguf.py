import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import polars as pl
import pytest
import torch
from gguf import GGUFReader, GGUFWriter
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from tuneworth.core import ModelError, RunBroken
from tuneworth.deploy.export.export import write_lora_gguf
from tuneworth.train import TrainSettings, conversion_command, fit, gguf_source, load_model, merge, write_gguf
from tuneworth.train.model.kernels import detach_adapter

WORDS = ["resistor", "diode", "relay", "fuse", "lamp", "switch", "coil", "motor"]
PAIRS = pl.DataFrame({"id": WORDS, "input": WORDS, "output": [f"yes, {word}" for word in WORDS]})
QUICK = TrainSettings(rank=4, alpha=8, max_steps=6, batch_size=4, learning_rate=2e-2, checkpoint_steps=0)


def write_source(file: Path, model: Any, *, family: str = "llama") -> Path:
    """A GGUF of the tiny model as another program might have written it."""
    config, weights = model.model.config, model.model.state_dict()
    writer = GGUFWriter(file, family)
    writer.add_name("Tiny")
    writer.add_license("apache-2.0")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([model.tokenizer.convert_ids_to_tokens(n) or f"<{n}>" for n in range(config.vocab_size)])
    writer.add_token_types([1] * config.vocab_size)
    writer.add_eos_token_id(model.tokenizer.eos_token_id)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in weights.items():
        if name == "lm_head.weight":  # shared with the embeddings
            continue
        values = tensor.float().numpy()
        if "q_proj" in name or "k_proj" in name:  # each head's halves become neighbours
            heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
            rows = [values[h * 8 + half * 4 + n] for h in range(heads) for n in range(4) for half in range(2)]
            values = np.stack(rows)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), values)
    writer.add_tensor("rope_freqs.weight", np.ones(config.head_dim // 2, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture(scope="module")
def made(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an adapter, the merged model and the base model's GGUF."""
    model, folder = load_model(str(tiny_folder), dtype="float32"), tmp_path_factory.mktemp("made")
    fit(PAIRS, PAIRS[:0], model=model, settings=QUICK, out=folder)
    merge(model, folder / "adapter", folder / "merged")
    write_source(folder / "source.gguf", model)
    return folder


@pytest.mark.slow
def test_the_file_says_what_the_adapter_says(tiny_model: Any, made: Path, tmp_path: Path) -> None:
    result = write_gguf(
        tiny_model, made / "adapter", made / "merged", tmp_path / "out", source=made / "source.gguf", pairs=PAIRS
    )
    assert 1e-5 < result.agreement.drift < 0.05 < result.agreement.effect
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "tuned-q8_0.gguf",
        "tuneworth.json",
    ]
    assert result.bytes == result.file.stat().st_size < 0.6 * (made / "source.gguf").stat().st_size
    assert "llama-server -m tuned-q8_0.gguf" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.slow
def test_metadata_and_tokenizer_are_the_base_models(tiny_model: Any, made: Path, tmp_path: Path) -> None:
    result = write_gguf(tiny_model, made / "adapter", made / "merged", tmp_path / "out", source=made / "source.gguf")
    before, after = GGUFReader(made / "source.gguf"), GGUFReader(result.file)
    own = {"general.name", "general.license", "general.file_type", "GGUF.kv_count", "GGUF.tensor_count"}
    for name, field in before.fields.items():
        if name not in own:
            assert after.fields[name].contents() == field.contents(), name
    assert "general.license" not in after.fields
    assert after.fields["tokenizer.chat_template"].contents() == tiny_model.tokenizer.chat_template
    kinds = {tensor.name: tensor.tensor_type.name for tensor in after.tensors}
    assert kinds.keys() == {tensor.name for tensor in before.tensors}
    assert kinds["token_embd.weight"] == kinds["blk.0.attn_q.weight"] == "Q8_0"
    assert kinds["blk.0.ffn_down.weight"] == "F16"  # rows of 48 numbers
    assert kinds["blk.0.attn_norm.weight"] == kinds["rope_freqs.weight"] == "F32"


def test_a_file_of_another_model_is_refused(tiny_model: Any, made: Path, tmp_path: Path) -> None:
    weights = load_file(made / "merged" / "model.safetensors")
    smaller = {name: tensor for name, tensor in weights.items() if "layers.1.mlp" not in name}
    (tmp_path / "merged").mkdir()
    save_file(smaller, tmp_path / "merged" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"does not belong to the merged model: 3 tensors differ, such as blk\.1"):
        write_gguf(tiny_model, made / "adapter", tmp_path / "merged", tmp_path / "out", source=made / "source.gguf")
    assert not (tmp_path / "out").exists()


def test_a_file_of_another_family_is_refused(tiny_model: Any, made: Path, tmp_path: Path) -> None:
    source = write_source(tmp_path / "source.gguf", tiny_model, family="qwen2")
    with pytest.raises(ModelError, match="'qwen2'"):
        write_gguf(tiny_model, made / "adapter", made / "merged", tmp_path / "out", source=source)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_cut_off_is_refused(tiny_model: Any, made: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.gguf"
    source.write_bytes((made / "source.gguf").read_bytes()[:2000])
    with pytest.raises(ModelError, match="cannot be read"):
        write_gguf(tiny_model, made / "adapter", made / "merged", tmp_path / "out", source=source)
    assert not (tmp_path / "out").exists()


def test_weights_that_are_not_the_adapters_are_refused(tiny_model: Any, made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "merged", tmp_path / "merged")
    weights = load_file(tmp_path / "merged" / "model.safetensors")
    weights["model.layers.0.mlp.up_proj.weight"] *= 1.5
    save_file(weights, tmp_path / "merged" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RunBroken, match="does not match the adapter"):
        write_gguf(tiny_model, made / "adapter", tmp_path / "merged", tmp_path / "out", source=made / "source.gguf")
    assert not (tmp_path / "out").exists()


def test_a_model_from_elsewhere_has_no_source_but_a_command(tiny_model: Any, tmp_path: Path) -> None:
    assert gguf_source(tiny_model) is None
    command = conversion_command(tmp_path / "my run" / "merged", tmp_path / "x.gguf")
    assert command.startswith("python convert_hf_to_gguf.py ")
    assert f"'{tmp_path}/my run/merged' --outtype q8_0" in command


@pytest.mark.model
def test_the_embedded_models_own_file_gives_the_metadata(tmp_path: Path) -> None:
    model: Any = load_model("smollm2-135m", dtype="bfloat16")
    torch.manual_seed(0)
    config = LoraConfig(
        task_type="CAUSAL_LM", r=2, target_modules=["q_proj", "k_proj", "v_proj"], init_lora_weights=False
    )
    get_peft_model(model.model, config).save_pretrained(tmp_path / "adapter")
    detach_adapter(model.model)
    merge(model, tmp_path / "adapter", tmp_path / "merged")
    source = gguf_source(model)
    assert source is not None
    result = write_gguf(model, tmp_path / "adapter", tmp_path / "merged", tmp_path / "gguf", source=source)
    assert result.agreement.drift < 0.15 < result.agreement.effect
    assert 140e6 < result.bytes < 150e6
    told = GGUFReader(result.file).fields
    assert told["tokenizer.ggml.pre"].contents() == "smollm"
    assert told["general.base_model.0.name"].contents() == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert len(told["tokenizer.ggml.tokens"].data) == 49152


@pytest.mark.slow
def test_an_adapter_as_gguf_is_the_same_product_in_llama_cpps_order(
    tiny_model: Any, made: Path, tmp_path: Path
) -> None:
    for name in ("one.gguf", "two.gguf"):
        write_lora_gguf(made / "adapter", tmp_path / name, source=made / "source.gguf")
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()
    reader, config = GGUFReader(tmp_path / "one.gguf"), tiny_model.model.config
    alpha = reader.fields["adapter.lora.alpha"].contents()
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    weights = load_file(made / "adapter" / "adapter_model.safetensors")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    layers = {name.removeprefix("base_model.model.").partition(".lora_")[0] for name in weights}
    assert len(tensors) == 2 * len(layers) == len(weights)
    for layer in layers:
        one, other = (weights[f"base_model.model.{layer}.lora_{side}.weight"].numpy() for side in "AB")
        wanted = other @ one * alpha / len(one)
        if "q_proj" in layer or "k_proj" in layer:  # each head's halves become neighbours
            heads = config.num_attention_heads if "q_proj" in layer else config.num_key_value_heads
            wanted = np.stack(
                [wanted[h * 8 + half * 4 + n] for h in range(heads) for n in range(4) for half in range(2)]
            )
        place = names.get_name(layer)
        rank = len(tensors[f"{place}.weight.lora_a"])
        made_of = tensors[f"{place}.weight.lora_b"] @ tensors[f"{place}.weight.lora_a"] * alpha / rank
        assert np.allclose(made_of, wanted, atol=1e-6), layer


@pytest.mark.slow
def test_an_adapter_of_another_model_is_not_written(tiny_model: Any, made: Path, tmp_path: Path) -> None:
    other = write_source(tmp_path / "other.gguf", tiny_model, family="falcon")
    with pytest.raises(ModelError, match="only 'llama' can be written"):
        write_lora_gguf(made / "adapter", tmp_path / "adapter.gguf", source=other)
