"""Real processes, really killed: what they leave, and what the next one makes of it."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# Starting Python with torch takes seconds, so one process gets ready and each fit is a fork of it. A job is a folder
# and when to kill the fit: so many seconds after a step, or as soon as a path matches a pattern; never where it is
# null. Neither hangs on how busy the machine is.
NURSERY = """
import json, os, signal, sys, threading, time
from pathlib import Path

import torch

torch.set_num_threads(1)
from tuneworth.train import TrainSettings, fit, load_model

words = ["resistor", "diode", "relay", "fuse", "lamp", "switch", "coil", "motor"]
pairs = [{"input": f"{words[i % 8]} {i}", "output": f"yes, {words[i % 8]}"} for i in range(30)]
model = load_model(sys.argv[1], dtype="float32")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def watch(folder, pattern):
    '''Look at every call that opens, moves or removes a file.'''
    looking = False

    def look(event, told):
        nonlocal looking
        if not looking:
            looking = True
            if next(folder.glob(pattern), None):
                die()
            looking = False

    sys.addaudithook(look)


def killer(step, later):
    '''What a fit calls after each step; it is called for the step 0 when the fit begins.'''
    return lambda done: threading.Timer(later, die).start() if done == step else None


for line in sys.stdin:
    out, moment, settings = json.loads(line)
    started = time.perf_counter()
    child = os.fork()
    if not child:
        reached = killer(*moment) if isinstance(moment, list) else lambda done: None
        if isinstance(moment, str):
            watch(Path(out), moment)
        reached(0)
        fit(
            pairs[:24], pairs[24:], model=model, settings=TrainSettings(**settings), out=Path(out), resume=True,
            callbacks=[lambda told: reached(told.step)],
        )
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(json.dumps({"killed": os.WIFSIGNALED(status), "seconds": time.perf_counter() - started}), flush=True)
"""
STEPS = 24
SETTINGS = {
    "rank": 4, "alpha": 8, "max_steps": STEPS, "batch_size": 8, "learning_rate": 1e-2, "checkpoint_steps": 2, "patience": 9
}  # fmt: skip
MEASURED = ("seconds", "tokens_per_second", "peak_memory_bytes")


Nursery = subprocess.Popen[str]
Moment = tuple[int, float] | str | None


@contextmanager
def started(model: Path) -> Iterator[Nursery]:
    """A process that makes fits of the model, each in a fork of itself."""
    words = [sys.executable, "-c", NURSERY, str(model)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nursery:
        yield nursery


@pytest.fixture(scope="module")
def nursery(tiny_folder: Path) -> Iterator[Nursery]:
    with started(tiny_folder) as found:
        yield found


def fits(nursery: Nursery, jobs: list[tuple[Path, Moment]], **changed: Any) -> list[dict[str, Any]]:
    """Run the jobs one after the other; whether each was killed and how long it took."""
    assert nursery.stdin
    assert nursery.stdout
    told: list[dict[str, Any]] = []
    for out, moment in jobs:
        nursery.stdin.write(json.dumps([str(out), moment, {**SETTINGS, **changed}]) + "\n")
        nursery.stdin.flush()
        told.append(json.loads(nursery.stdout.readline()))
    return told


@pytest.fixture(scope="module")
def whole(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], float]:
    """What a fit leaves that is not killed, and how many seconds it takes."""
    folder = tmp_path_factory.mktemp("whole")
    _, told = fits(nursery, [(folder / "warm", None), (folder / "whole", None)])
    return left(folder / "whole"), told["seconds"]


def left(out: Path) -> dict[str, Any]:
    """All that a fit left, but for what is measured: bytes of each file."""
    found: dict[str, Any] = {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    for name in ("summary.json", "trainer_state.json"):
        table = json.loads(found[name])
        table["log_history"] = table.get("log_history", [{}])[:-1]  # the last one tells the seconds
        found[name] = {key: value for key, value in table.items() if key not in MEASURED}
    return found


@pytest.mark.slow
def test_a_fit_killed_at_random_moments_ends_like_one_that_was_not(
    nursery: Nursery, whole: tuple[dict[str, Any], float], tmp_path: Path
) -> None:
    chance = random.Random(4)
    expected, seconds = whole
    moments = [(step + chance.randrange(4), chance.uniform(0, seconds / STEPS)) for step in (0, 8, 16)]
    outs = [tmp_path / f"{i}" for i in range(3)]
    told = fits(nursery, [job for out, at in zip(outs, moments, strict=True) for job in [(out, at), (out, None)]])
    assert [one["killed"] for one in told] == [True, False] * 3
    for out in outs:
        assert left(out) == expected


@pytest.mark.slow
def test_a_fit_killed_again_and_again_gets_there(
    nursery: Nursery, whole: tuple[dict[str, Any], float], tmp_path: Path
) -> None:
    chance = random.Random(7)
    expected, seconds = whole
    moments = [(step, chance.uniform(0, seconds / STEPS)) for step in (2, 9, 13, 19)]
    told = fits(nursery, [*((tmp_path, at) for at in moments), (tmp_path, None)])
    assert [one["killed"] for one in told] == [True] * 4 + [False]
    assert left(tmp_path) == expected


MOMENTS = (".checkpoint.safetensors.*.part", "checkpoint.safetensors", ".adapter.*.part", "adapter", "summary.json")


@pytest.mark.smoke
@pytest.mark.slow
def test_a_fit_killed_while_it_writes_ends_like_one_that_was_not(
    nursery: Nursery, whole: tuple[dict[str, Any], float], tmp_path: Path
) -> None:
    outs = [tmp_path / f"{i}" for i in range(len(MOMENTS))]
    told = fits(nursery, [job for out, at in zip(outs, MOMENTS, strict=True) for job in [(out, at), (out, None)]])
    assert [one["killed"] for one in told[:8]] == [True, False] * 4  # the last one has nothing left to do but to end
    for out in outs:
        assert left(out) == whole[0]
        assert not list(out.rglob("*.part"))


@pytest.mark.slow(15)
def test_two_processes_make_the_same_adapter(nursery: Nursery, tiny_folder: Path, tmp_path: Path) -> None:
    fits(nursery, [(tmp_path / "one", None)], max_steps=4)
    with started(tiny_folder) as another:
        fits(another, [(tmp_path / "two", None)], max_steps=4)
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
