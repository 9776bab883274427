import json
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.train import CardFacts, read_record, refresh_card, run_facts
from tuneworth.train.model.provenance import model_card, write_record

BASE = {
    "name": "org/model", "local": False, "embedded": False, "sha256": "ab" * 32, "licence": "Apache-2.0",
    "dtype": "bfloat16", "architecture": "LlamaForCausalLM",
}  # fmt: skip
RECORD: dict[str, Any] = {
    "schema": "tuneworth/adapter/1", "base": BASE, "licence": None, "project": "parts", "style": "Component line",
    "data": {"rows_read": 2966, "rows_kept": 1511, "train": 864, "validation": 112, "test": 535},
    "settings": {"rank": 16, "alpha": 32, "learning_rate": 1e-3, "batch_size": 8, "seed": 0},
    "training": {
        "steps": 76, "best_step": 60, "stopped_early": True, "train_loss": 0.788, "validation_loss": 1.35,
        "trainable_parameters": 4884480, "longest_tokens": 211,
    },
    "versions": {"torch": "2.13.0"},
}  # fmt: skip


def results(own: str = "tuned", **changes: Any) -> dict[str, Any]:
    def shares(value: float) -> dict[str, Any]:
        share = {"share": value, "low": value - 0.05, "high": value + 0.05}
        return {
            "n": 80,
            "acceptable": share,
            "consistent": share,
            "faithful": {"share": None, "low": None, "high": None},
        }

    return {
        "verdict": {"sentence": "Fine-tune: the tuned model is right in 86% of cases."},
        "quality": {"prompted": shares(0.5), own: shares(0.86)},
        "variants": {"prompted": {"source": "base model"}, own: {"source": "adapter"}},
        "provenance": {"model": {"sha256": "ab" * 32}},
    } | changes


def run_folder(folder: Path, told: Any) -> Path:
    adapter = folder / "train" / "adapter"
    write_record(adapter, RECORD)
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "results.json").write_text(told if isinstance(told, str) else json.dumps(told))
    return adapter


def test_a_card_says_what_to_send_and_where_an_answer_ends() -> None:
    card = model_card({**RECORD, "request": {"fields": ["part", "pins|x"], "stop": "<|im_end|>"}})
    assert "in the order part, pins\\|x; empty fields are left out" in card
    assert "the token &lt;\\|im\\_end\\|&gt;." in card
    assert "`tuneworth export RUN --format vllm`" in card
    texts = model_card({**RECORD, "request": {"fields": [], "stop": "</s>"}})
    assert "one user message (the input)" in texts
    assert "How to serve it" not in model_card(RECORD)


def test_a_card_says_what_it_is_and_on_what_it_was_fitted() -> None:
    card = model_card(RECORD)
    for said in ("2,966, of which 1,511 kept", "864 train, 112 validation, 535 test", "Component line", "ab" * 32):
        assert said in card
    for said in ("Apache-2.0", "76, kept: step 60 (stopped early)", "0.7880 train, 1.3500 validation", "not stated"):
        assert said in card
    assert "have not been scored" in card


def test_the_hubs_own_parser_reads_the_front_matter() -> None:
    data = ModelCard(model_card(RECORD)).data.to_dict()
    assert data == {
        "base_model": "org/model", "base_model_relation": "adapter", "library_name": "peft", "license": "unknown",
        "pipeline_tag": "text-generation", "tags": ["lora", "tuneworth"],
    }  # fmt: skip


def test_a_licence_that_was_stated_is_the_adapters() -> None:
    data = ModelCard(model_card({**RECORD, "licence": "MIT"})).data.to_dict()
    assert data["license"] == "mit"
    card = model_card({**RECORD, "licence": "Ours, 2026"})
    assert ModelCard(card).data.to_dict()["license_name"] == "Ours, 2026"
    assert "Licence of the adapter: Ours, 2026." in card


def test_a_local_base_model_is_named_without_its_path_and_not_to_the_hub() -> None:
    card = model_card({**RECORD, "base": {**BASE, "name": "mine", "local": True}})
    assert "base_model" not in ModelCard(card).data.to_dict()
    assert "PATH/TO/THE/BASE/MODEL" in card


def test_what_is_peculiar_about_the_base_model_is_said() -> None:
    card = model_card({**RECORD, "base": {**BASE, "template": "plain", "quantised": True}})
    assert "| chat template | a plain one by Tuneworth" in card
    assert "linear layers in 4 bits while it was fitted" in card
    card = model_card({**RECORD, "merged": "well", "gguf": "x.gguf", "dtype": "Q8_0"})
    assert "| number format | Q8\\_0 |" in card
    assert ModelCard(card).data.to_dict()["library_name"] == "gguf"


def test_scores_come_into_the_card_when_the_run_is_evaluated(tmp_path: Path) -> None:
    adapter = run_folder(tmp_path, results())
    refresh_card(tmp_path)
    card = (adapter / "README.md").read_text()
    assert "Fine-tune: the tuned model is right in 86% of cases." in card
    assert "| tuned (this model) | 80 | 86% (81 to 91%) | 86% (81 to 91%) | not checked |" in card
    assert "| prompted | 80 | 50% (45 to 55%) |" in card
    assert "not been scored" not in card
    (acceptable, consistent) = ModelCard(card).data.eval_results or []
    assert (acceptable.metric_type, acceptable.metric_value, acceptable.dataset_name) == ("acceptable", 0.86, "parts")
    assert consistent.metric_type == "consistent"
    assert (read_record(adapter) or {})["scores"]["own"] == "tuned"


@pytest.mark.parametrize(
    "told",
    [
        "{",
        "[]",
        {},
        results(variants={"tuned": {"source": "outputs"}}),
        results(variants={}),
        results(provenance={"model": {"sha256": "0" * 64}}),
    ],
)
def test_results_of_something_else_are_not_its_scores(tmp_path: Path, told: Any) -> None:
    adapter = run_folder(tmp_path, told)
    before = (adapter / "README.md").read_text()
    refresh_card(tmp_path)
    assert (adapter / "README.md").read_text() == before


def test_what_was_merged_from_this_adapter_gets_the_scores_and_what_was_not_does_not(tmp_path: Path) -> None:
    run_folder(tmp_path, results())
    merged = {**RECORD, "merged": "in bfloat16"}
    digest = "9f4b1de85b6eb5a3ba2bc6ff2dcd6ee31e1f1a4ea2e9cc4a5f2f1a1bf0c1b6a7"
    write_record(tmp_path / "train" / "merged", {**merged, "adapter_sha256": digest})
    refresh_card(tmp_path)
    assert "scores" not in (read_record(tmp_path / "train" / "merged") or {})
    write_record(tmp_path / "train" / "merged", merged)
    refresh_card(tmp_path)
    assert "(this model)" in (tmp_path / "train" / "merged" / "README.md").read_text()


def test_a_run_without_an_adapter_has_no_card(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(results()))
    refresh_card(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


HOSTILE = "x\n---\n# big <script>alert(1)</script> | [a](http://b.example) `c` **d** ![e](f)\u202e\x1b[31m @all"


def test_texts_from_outside_stay_texts(tmp_path: Path) -> None:
    told = results(own=HOSTILE, verdict={"sentence": HOSTILE})
    base = {**BASE, "name": f'{HOSTILE}"""', "licence": HOSTILE}
    adapter = run_folder(tmp_path, told)
    write_record(adapter, {**RECORD, "project": HOSTILE, "style": HOSTILE, "base": base, "licence": HOSTILE})
    refresh_card(tmp_path)
    card = (adapter / "README.md").read_text()
    body = card.split("\n---\n", 1)[1]
    code = re.findall(r"^```python\n(.*?)\n```$", body, re.DOTALL | re.MULTILINE)[0]
    compile(code, "card", "exec")
    text = body.replace(code, "")
    assert "<script" not in text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", card)
    assert not re.search(r"(?<!\\)\[[ae]|(?<!\\)@all|http://|^# big", text, re.MULTILINE)
    assert ModelCard(card).data.to_dict()["model-index"][0]["name"].startswith("x --- # big")
    assert len(re.findall(r"(?m)^\| .*\|$", body)) == len(re.findall(r"(?m)^\|", body)) - 2  # two ruled lines


@given(st.text(), st.text())
def test_whatever_a_project_and_a_style_are_called_the_card_can_be_read(project: str, style: str) -> None:
    card = model_card({**RECORD, "project": project, "style": style, "licence": style})
    assert ModelCard(card).data.to_dict()["library_name"] == "peft"
    assert card.encode()
    rows = [line for line in card.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)


def test_the_facts_of_a_run_are_taken_from_its_files(tmp_path: Path) -> None:
    assert run_facts(tmp_path) == CardFacts()
    (tmp_path / "curate").mkdir()
    (tmp_path / "run.json").write_text(json.dumps({"project": "parts"}))
    summary = {"rows_read": 10, "outcomes": {"kept": 7}, "splits": {"test": 2}, "style": {"name": "Line"}}
    (tmp_path / "curate" / "summary.json").write_text(json.dumps(summary))
    expected = CardFacts(project="parts", style="Line", rows_read=10, rows_kept=7, test_pairs=2, max_new_tokens=9)
    assert run_facts(tmp_path, max_new_tokens=9) == expected
