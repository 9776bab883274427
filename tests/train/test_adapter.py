import contextlib
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from tuneworth.core import RunBroken
from tuneworth.train import CardFacts, TrainSettings, fit, load_model, merge
from tuneworth.train.model.adapter import generation_settings, write_adapter
from tuneworth.train.model.kernels import attach_adapter, detach_adapter

WORDS = ["resistor", "diode", "relay", "fuse", "lamp", "switch", "coil", "motor"]
PAIRS = pl.DataFrame({"id": WORDS, "input": WORDS, "output": [f"yes, {word}" for word in WORDS]})
QUICK = TrainSettings(rank=4, alpha=8, max_steps=4, batch_size=4, learning_rate=1e-2, checkpoint_steps=0)
LEARNT = TrainSettings(rank=16, alpha=32, max_steps=120, batch_size=8, learning_rate=2e-2, checkpoint_steps=0)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def fitted(model: Any, out: Path, settings: TrainSettings = QUICK) -> Any:
    return fit(PAIRS, PAIRS[:0], model=model, settings=settings, out=out)


@pytest.mark.slow
def test_the_same_fit_gives_the_same_bytes_in_every_file(tiny_model: Any, tmp_path: Path) -> None:
    one, two = fitted(tiny_model, tmp_path / "a").adapter, fitted(tiny_model, tmp_path / "b").adapter
    assert files(one) == files(two)
    modules = json.loads((one / "adapter_config.json").read_text())["target_modules"]
    assert modules == sorted(modules)
    assert {path.stat().st_mode & 0o777 for path in one.iterdir()} == {(one / "README.md").stat().st_mode & 0o777}


def test_what_it_was_made_of_lies_beside_it_without_a_path(tiny_model: Any, tiny_folder: Path, tmp_path: Path) -> None:
    adapter = fitted(tiny_model, tmp_path).adapter
    text = (adapter / "tuneworth.json").read_text()
    record = json.loads(text)
    assert record["base"]["sha256"] == tiny_model.sha256
    assert record["base"]["name"] == "tiny"
    assert record["data"]["train"] == 8
    assert record["settings"]["rank"] == 4
    assert {"python", "torch", "transformers", "peft"} <= record["versions"].keys()
    assert str(tiny_folder) not in text + (adapter / "README.md").read_text()


def test_facts_of_the_run_come_into_record_and_settings(tiny_model: Any, tmp_path: Path) -> None:
    result = fitted(tiny_model, tmp_path)
    adapted = attach_adapter(tiny_model.model, rank=4, alpha=8, seed=0, name="tiny")
    facts = CardFacts(project="parts", style="Line", rows_read=20, rows_kept=11, max_new_tokens=33, fields=("a", "b"))
    write_adapter(tmp_path / "adapter", adapted, model=tiny_model, training=result.summary(), facts=facts)
    detach_adapter(tiny_model.model)
    assert json.loads((tmp_path / "adapter" / "generation_config.json").read_text())["max_new_tokens"] == 33
    assert json.loads((tmp_path / "adapter" / "tuneworth.json").read_text())["request"] == {
        "fields": ["a", "b"],
        "stop": "<|end|>",
    }
    assert "20, of which 11 kept" in (tmp_path / "adapter" / "README.md").read_text()


def test_generation_is_greedy_and_ends_where_an_answer_ends(tiny_model: Any) -> None:
    own = tiny_model.model.generation_config
    own.do_sample, own.temperature, own.top_k, own.eos_token_id = True, 0.7, 20, [5, 6]
    settings = generation_settings(tiny_model, max_new_tokens=40)
    end = tiny_model.tokenizer.convert_tokens_to_ids("<|end|>")
    assert settings.eos_token_id == [end, 5, 6]
    assert settings.pad_token_id == tiny_model.tokenizer.convert_tokens_to_ids("<|pad|>")
    assert (settings.do_sample, settings.max_new_tokens, settings.temperature) == (False, 40, None)
    tiny_model.tokenizer.pad_token = None
    assert generation_settings(tiny_model, max_new_tokens=40).pad_token_id == end


@pytest.fixture(scope="module")
def learnt(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that answers, for a base model whose own settings never stop at the end of a turn."""
    folder = tmp_path_factory.mktemp("learnt")
    shutil.copytree(tiny_folder, folder / "base")
    for name in ("config.json", "generation_config.json"):
        table = json.loads((folder / "base" / name).read_text())
        (folder / "base" / name).write_text(json.dumps({**table, "eos_token_id": 5}))
    torch.set_num_threads(1)
    model = load_model(str(folder / "base"), dtype="float32")
    merge(model, fitted(model, folder, LEARNT).adapter, folder / "merged")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("made", ["adapter", "merged"])
def test_the_code_of_the_card_loads_it_and_its_answer_ends(learnt: Path, made: str) -> None:
    card = (learnt / made / "README.md").read_text()
    code = re.findall(r"```python\n(.*?)```", card, re.DOTALL)[0]
    for placeholder, real in [
        ("PATH/TO/THIS/FOLDER", learnt / made), ("PATH/TO/THE/BASE/MODEL", learnt / "base"), ("YOUR INPUT", "relay")
    ]:  # fmt: skip
        code = code.replace(placeholder, str(real))
    said, names = io.StringIO(), {}
    with contextlib.redirect_stdout(said):
        exec(code, names)
    assert said.getvalue().strip() == "yes, relay"
    end = names["tokenizer"].convert_tokens_to_ids("<|end|>")
    assert int(names["output"][0, -1]) == end


def test_a_new_adapter_takes_the_place_of_the_old_one_whole(tiny_model: Any, tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_model.bin").write_text("of an older program")
    dead = tmp_path / ".adapter.00000000.1.abcd.part"  # of another machine, long ago
    dead.mkdir()
    os.utime(dead, (0, 0))
    fitted(tiny_model, tmp_path)
    assert not (tmp_path / "adapter" / "adapter_model.bin").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_full_disk_leaves_the_old_adapter_and_says_what_to_do(tiny_model: Any, tmp_path: Path) -> None:
    result = fitted(tiny_model, tmp_path)
    before = files(result.adapter)
    adapted = attach_adapter(tiny_model.model, rank=64, alpha=8, seed=1, name="tiny")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))  # bytes of one file: the weights have more
    try:
        with pytest.raises(RunBroken, match="cannot be written: File too large") as error:
            write_adapter(result.adapter, adapted, model=tiny_model, training=result.summary())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        detach_adapter(tiny_model.model)
    assert len(str(error.value).splitlines()) == 2
    assert files(result.adapter) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from safetensors.torch import load_file
torch.set_num_threads(1)
from tests_of_adapters import PAIRS, QUICK
from tuneworth.train import fit, load_model
from tuneworth.train.model.adapter import load_weights, adapter_weights, write_adapter
from tuneworth.train.model.kernels import attach_adapter

base, out = Path(sys.argv[1]), Path(sys.argv[2])
model = load_model(str(base), dtype="float32")
result = fit(PAIRS, PAIRS[:0], model=model, settings=QUICK, out=out)
whole = sorted(path.name for path in result.adapter.iterdir())
adapted = attach_adapter(model.model, rank=4, alpha=8, seed=0, name="tiny")

def write(number):
    load_weights(adapted, {name: torch.full_like(w, number) for name, w in adapter_weights(adapted).items()})
    write_adapter(result.adapter, adapted, model=model, training=result.summary())

def written():
    try:
        return (result.adapter / "adapter_model.safetensors").stat().st_mtime_ns
    except FileNotFoundError:  # between the old one and the new one
        return None

chance, states = random.Random(0), []
for turn in range(6):
    before, child = written(), os.fork()
    if child == 0:
        for number in range(turn * 1000 + 1, turn * 1000 + 1000):
            write(number)
    while turn % 2 and written() in (before, None):
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if not result.adapter.exists():
        states.append("none")
        continue
    assert sorted(path.name for path in result.adapter.iterdir()) == whole
    numbers = {float(n) for w in load_file(result.adapter / "adapter_model.safetensors").values() for n in w.unique()}
    assert len(numbers) == 1 or "new" not in states, numbers  # the fit's own, as long as nobody came to write
    states.append("new" if len(numbers) == 1 and max(numbers) > turn * 1000 else "old")
print(states, [path.name for path in out.iterdir() if path.name.startswith(".")])
write(7)
assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == []
assert sorted(path.name for path in result.adapter.iterdir()) == whole
print("whole each time")
"""


@pytest.mark.slow
def test_killed_while_saving_leaves_the_old_adapter_or_the_new_one_and_no_half_one(
    tiny_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(__file__, tmp_path / "tests_of_adapters.py")
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(tiny_folder), str(tmp_path / "out")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.stdout.endswith("whole each time\n"), run.stdout + run.stderr
    assert "'new'" in run.stdout
