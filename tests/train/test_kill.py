"""Real processes, really killed: what they leave, and what the next one makes of it."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Starting Python with torch takes seconds, so one process gets ready and each fit is a fork of it. A job is a folder
# and when to kill the fit: after so many seconds, or as soon as a path matches a pattern; never where it is null.
NURSERY = """
import json, os, signal, sys, threading, time
from pathlib import Path

import torch

torch.set_num_threads(1)
from tuneworth.train import TrainSettings, fit, load_model

model_folder, settings, jobs = json.loads(sys.stdin.read())
words = ["resistor", "diode", "relay", "fuse", "lamp", "switch", "coil", "motor"]
pairs = [{"input": f"{words[i % 8]} {i}", "output": f"yes, {words[i % 8]}"} for i in range(30)]
model = load_model(model_folder, dtype="float32")


def watch(folder, pattern):
    while not next(folder.glob(pattern), None):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


for out, moment in jobs:
    started = time.perf_counter()
    child = os.fork()
    if not child:
        if isinstance(moment, str):
            threading.Thread(target=watch, args=(Path(out), moment), daemon=True).start()
        fit(pairs[:24], pairs[24:], model=model, settings=TrainSettings(**settings), out=Path(out), resume=True)
        os._exit(0)
    if isinstance(moment, float):
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(json.dumps({"killed": os.WIFSIGNALED(status), "seconds": time.perf_counter() - started}), flush=True)
"""
SETTINGS = {
    "rank": 4, "alpha": 8, "max_steps": 24, "batch_size": 8, "learning_rate": 1e-2, "checkpoint_steps": 2, "patience": 9
}  # fmt: skip
MEASURED = ("seconds", "tokens_per_second", "peak_memory_bytes")


def fits(model: Path, jobs: list[tuple[Path, float | str | None]], **changed: Any) -> list[dict[str, Any]]:
    """Run the jobs one after the other; whether each was killed and how long it took."""
    told = json.dumps([str(model), {**SETTINGS, **changed}, [(str(out), moment) for out, moment in jobs]])
    done = subprocess.run(
        [sys.executable, "-c", NURSERY], input=told, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def left(out: Path) -> dict[str, Any]:
    """All that a fit left, but for what is measured: bytes of each file."""
    found: dict[str, Any] = {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    for name in ("summary.json", "trainer_state.json"):
        table = json.loads(found[name])
        table["log_history"] = table.get("log_history", [{}])[:-1]  # the last one tells the seconds
        found[name] = {key: value for key, value in table.items() if key not in MEASURED}
    return found


@pytest.mark.slow
def test_a_fit_killed_at_random_moments_ends_like_one_that_was_not(tiny_folder: Path, tmp_path: Path) -> None:
    chance = random.Random(4)
    _, first = fits(tiny_folder, [(tmp_path / "warm", None), (tmp_path / "whole", None)])
    moments = [chance.uniform(0.02, 0.9) * first["seconds"] for _ in range(5)]
    outs = [tmp_path / f"{i}" for i in range(5)]
    told = fits(tiny_folder, [job for out, at in zip(outs, moments, strict=True) for job in [(out, at), (out, None)]])
    assert sum(one["killed"] for one in told) >= 2  # the clock of a busy machine lets some end before
    expected = left(tmp_path / "whole")
    for out in outs:
        assert left(out) == expected


@pytest.mark.slow
def test_a_fit_killed_again_and_again_gets_there(tiny_folder: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    (first,) = fits(tiny_folder, [(whole, None)])
    moments = [chance.uniform(0.2, 0.5) * first["seconds"] for _ in range(6)]
    told = fits(tiny_folder, [*((cut, at) for at in moments), (cut, None)])
    assert any(one["killed"] for one in told)
    assert left(cut) == left(whole)


MOMENTS = (".checkpoint.safetensors.*.part", "checkpoint.safetensors", ".adapter.*.part", "adapter", "summary.json")


@pytest.mark.slow
def test_a_fit_killed_while_it_writes_ends_like_one_that_was_not(tiny_folder: Path, tmp_path: Path) -> None:
    outs = [tmp_path / f"{i}" for i in range(len(MOMENTS))]
    jobs = [job for out, at in zip(outs, MOMENTS, strict=True) for job in [(out, at), (out, None)]]
    told = fits(tiny_folder, [(tmp_path / "whole", None), *jobs])
    assert sum(one["killed"] for one in told) >= 4  # the last one has nothing left to do but to end
    expected = left(tmp_path / "whole")
    for out in outs:
        assert left(out) == expected
        assert not list(out.rglob("*.part"))


@pytest.mark.slow
def test_two_processes_make_the_same_adapter(tiny_folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        fits(tiny_folder, [(tmp_path / name, None)], max_steps=4)
    assert left(tmp_path / "one") == left(tmp_path / "two")


def test_left_over_parts_are_cleared_at_the_next_start(tiny_model: Any, tmp_path: Path) -> None:
    from tuneworth.train import TrainSettings, fit

    names = [f".{name}.0a1b2c3d.part" for name in ("checkpoint.safetensors", "log.jsonl", "summary.json")]
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "mine.part").write_text("kept")
    settings = TrainSettings(rank=2, alpha=4, max_steps=1, checkpoint_steps=0)
    fit([{"input": "a", "output": "b"}], model=tiny_model, settings=settings, out=tmp_path)
    assert not [name for name in names if (tmp_path / name).exists()]
    assert (tmp_path / "mine.part").read_text() == "kept"
