"""An exported folder has all that a server needs, is whole or not there, and is the same each time."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneworth import ConfigError, DataError, ModelError, Run, RunBroken, run_project
from tuneworth.deploy import export_serving
from tuneworth.deploy.export import export
from tuneworth.deploy.export.chat_format import go_template
from tuneworth.deploy.export.model import judged_model
from tuneworth.deploy.export.readme import code, fenced
from tuneworth.evaluate import prompts_of
from tuneworth.project import evaluate_run
from tuneworth.train import render_text

from ..conftest import pair, write_collected_project, write_project
from ..shared import unsealed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judged_once(stages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judged project whose adapter is merged."""
    project = Path(shutil.copytree(stages["train"], tmp_path_factory.mktemp("judged") / "Box labels & co"))
    evaluate_run(project)
    export_serving(project, "llama.cpp")
    return project


@pytest.fixture
def judged(judged_once: Path, tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(judged_once, tmp_path / judged_once.name)))


HOSTILE = '|`$(x)\'"""{{<|end|>\\é'


@pytest.fixture(scope="module")
def judged_texts(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Run:
    """A judged project of texts, each with its own system message, under a guide, with hostile texts in every place."""
    project = tmp_path_factory.mktemp("texts") / "'; rm -rf `x` #"
    project.mkdir()
    (write_project(project, tiny_folder) / "guide.txt").write_text(HOSTILE, encoding="utf-8")
    pairs = [pair(n) for n in range(60)]
    lines = [
        {**row, "input": f"{' '.join(row['input'].values())} ```|{{{{", "system": f"{n % 3} $(y)"}
        for n, row in enumerate(pairs)
    ]
    (project / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    settings = (project / "tuneworth.toml").read_text()
    settings = settings.replace("[train]", '[train]\ndtype = "float32"').replace(
        "[roi]", '[evaluate.tuned]\nguide = "guide.txt"\nfew_shot = 1\n[roi]', 1
    )
    (project / "tuneworth.toml").write_text(settings)
    return run_project(project)


@pytest.mark.parametrize("server", export.SERVERS)
def test_texts_with_a_guide_examples_and_their_own_system_messages_are_asked_as_judged(
    judged_texts: Run, tmp_path: Path, server: str
):
    model = judged_model(judged_texts)
    pairs = model.recorded.pairs
    assert model.recorded.variant.few_shot == 1
    folder = export_serving(judged_texts, server, out=tmp_path / "out").folder
    text = (folder / "README.md").read_text(encoding="utf-8")
    (curl,) = re.findall(r"^curl .*$", text, re.MULTILINE)
    words = shlex.split(curl)
    assert json.loads(words[words.index("-d") + 1])["messages"] == prompts_of(model.recorded.variant, pairs)[0]
    assert "their own system messages" in text
    assert "texts without fields" in text
    says = "import json, request, sys\nfor t, s in json.load(sys.stdin): print(json.dumps(request.messages(t, s)))"
    asked = json.dumps(list(pairs.select("input", "system").iter_rows()))
    done = subprocess.run(
        [sys.executable, "-c", says], input=asked, cwd=folder, capture_output=True, text=True, check=True
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == model.chats


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("server", export.SERVERS)
def test_an_export_is_complete_and_the_same_each_time(judged: Run, tmp_path: Path, server: str):
    made = export_serving(judged, server)
    first = contents(made.folder)
    record = json.loads(first["serving.json"])
    assert record["schema"] == "tuneworth/serving/1"
    assert {name: len(data) for name, data in first.items() if name != "serving.json"} == record["files"]
    assert first["chat_template.jinja"].decode() == judged_model(judged).facts.template
    assert contents(export_serving(judged, server, out=tmp_path / "elsewhere" / "x").folder) == first
    (made.folder / "notes.txt").write_text("mine")
    (made.folder / "README.md").write_text("changed")
    assert contents(export_serving(judged, server).folder) == {**first, "notes.txt": b"mine"}


@pytest.mark.parametrize("server", export.SERVERS)
def test_the_readme_has_a_request_as_it_was_judged_and_its_answer(judged: Run, server: str):
    model = judged_model(judged)
    folder = export_serving(judged, server).folder
    text = (folder / "README.md").read_text()
    (curl,) = re.findall(r"^curl .*$", text, re.MULTILINE)
    words = shlex.split(curl)
    body = json.loads(words[words.index("-d") + 1])
    assert body["messages"] == prompts_of(model.recorded.variant, model.recorded.pairs)[0]
    assert (body["max_tokens"], body["temperature"], body["model"]) == (8, 0, "box-labels-co")
    assert fenced(model.recorded.first["output"][0], "text") in text
    (made,) = re.findall(r"^python request.py .*$", text, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, *shlex.split(made)[1:]], cwd=folder, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == body


def test_the_requests_of_all_pairs_are_those_of_the_script(judged: Run):
    folder = export_serving(judged, "vllm").folder
    pairs = judged_model(judged).recorded.pairs
    done = subprocess.run(
        [sys.executable, "request.py", "--text", *pairs["fields"]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "".join(f"{text}\n" for text in pairs["input"])


def test_a_modelfile_writes_the_prompts_of_the_judged_model(judged: Run):
    model = judged_model(judged)
    text = (export_serving(judged, "ollama").folder / "Modelfile").read_text()
    template = text.split('TEMPLATE """')[1].split('"""')[0]
    found = model.facts.format()
    assert template == go_template(found, begin=not model.facts.adds_begin)
    for chat in model.chats:
        assert found.prompt(chat) == render_text(model.facts.tokenizer, chat)
    assert 'FROM "./merged"' in text
    assert "PARAMETER num_predict 8" in text


def test_vllm_gets_the_adapter_unless_the_merged_model_is_wanted(judged: Run, tmp_path: Path):
    beside = export_serving(judged, "vllm")
    assert {file.name for file in (beside.folder / "adapter").iterdir()} >= {"adapter_model.safetensors"}
    assert beside.command[2] == judged.project.train.model
    assert "--enable-lora" in beside.command
    assert "as a separate adapter, in float32" in (beside.folder / "README.md").read_text(encoding="utf-8")
    merged = export_serving(judged, "vllm", weights="merged", out=tmp_path / "m")
    assert merged.command[2] == "./merged"
    assert "--enable-lora" not in merged.command
    assert "merged into its weights, in float32" in (merged.folder / "README.md").read_text(encoding="utf-8")
    assert json.loads((merged.folder / "generation" / "generation_config.json").read_text())["max_new_tokens"] == 8


def test_weights_are_linked_where_they_can_be_and_never_the_small_files(judged: Run):
    folder = export_serving(judged, "llama.cpp").folder / "merged"
    assert (folder / "model.safetensors").stat().st_nlink > 1
    assert (folder / "config.json").stat().st_nlink == 1


def test_a_disk_without_room_is_said_before_anything_is_written(judged: Run, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(export, "free_bytes", lambda place: 10)
    with pytest.raises(RunBroken, match="but only 10 bytes is free"):
        export_serving(judged, "vllm", out=tmp_path / "full")
    assert not (tmp_path / "full").exists()


def test_a_folder_with_other_things_is_left_alone(judged: Run, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="not an earlier export for a server"):
        export_serving(judged, "vllm", out=tmp_path / "mine")
    assert contents(tmp_path / "mine") == {"letter.txt": b"dear"}


def test_an_export_that_is_killed_leaves_no_folder_taken_for_whole(judged: Run, tmp_path: Path):
    code_ = (
        "import os, signal, sys\nfrom tuneworth.deploy.export import export\n"
        "put = export._link_or_copy\n"
        "def stop(file, target):\n    put(file, target)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "export._link_or_copy = stop\nexport.export_serving(sys.argv[1], 'vllm', out=sys.argv[2])\n"
    )
    done = subprocess.run([sys.executable, "-c", code_, str(judged.folder), str(tmp_path / "cut")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "cut").exists()
    export_serving(judged, "vllm", out=tmp_path / "cut")
    assert not list(tmp_path.glob(".cut.*"))


def test_a_run_without_a_judged_adapter_says_what_is_possible(judged: Run, trained: Path):
    with pytest.raises(DataError, match="was not evaluated"):
        export_serving(trained, "vllm")
    results = unsealed(judged.folder) / "results.json"
    table = json.loads(results.read_text())
    results.write_text(json.dumps({**table, "comparison": {**table["comparison"], "candidate": "prompted"}}))
    with pytest.raises(DataError, match="without an adapter, so there is nothing to export"):
        export_serving(Run(judged.folder), "ollama")
    shutil.rmtree(judged.adapter)
    results.write_text(json.dumps(table))
    with pytest.raises(ModelError, match="no longer exists"):
        export_serving(Run(judged.folder), "ollama")


def test_a_run_of_collected_outputs_has_nothing_to_export(tmp_path: Path, style_file: Path):
    project = write_collected_project(tmp_path, style=style_file.name)
    with pytest.raises(DataError, match="was judged by outputs from a file"):
        export_serving(run_project(project), "vllm")


def test_a_template_that_ollama_cannot_write_is_refused_with_a_way_out(judged: Run):
    unsealed(judged.folder)
    template = judged.adapter / "chat_template.jinja"
    template.write_text(template.read_text().replace("m['content']", "m['content'] | upper"))
    with pytest.raises(ModelError, match="chat template"):
        export_serving(judged, "ollama")


def test_the_command_writes_the_folder_and_names_the_next_step(judged: Run, command: Callable):
    done = command("export", judged.folder, "--format", "llama.cpp")
    assert f"Written: {judged.folder}/export/llama.cpp" in done.out
    assert (
        f"tuneworth serve-check {shlex.quote(str(judged.folder))} --endpoint http://127.0.0.1:8080/v1"
        in done.out + done.err
    )
    assert "convert the merged folder" in done.out + done.err
    assert command("export", judged.folder, "--format", "vllm", "--with-guide").code == 2
    assert command("export", judged.folder, "--format", "csv", "--weights", "merged").code == 2
    refused = command("export", judged.folder, "--format", "ollama", "--weights", "adapter")
    assert (refused.code, "did not come from a GGUF" in refused.err) == (2, True)


@pytest.mark.parametrize("text", ["a|b", "`", "a``b`", "x\ny", "", " "])
def test_any_text_is_inline_code(text: str):
    shown = code(text)
    ticks = re.match("`+", shown)
    assert ticks is not None
    assert shown.endswith(ticks[0])
    assert "\n" not in shown
    assert ticks[0] not in shown[len(ticks[0]) : -len(ticks[0])]
