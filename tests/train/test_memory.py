import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from tuneworth.core import is_out_of_memory
from tuneworth.train.model import hardware
from tuneworth.train.model.hardware import MemoryAtHand, memory_at_hand, memory_in_use, peak_memory_bytes

GB = 10**9

# What a process does with a real limit on its addresses: each script gets a model's folder and one to write to. The
# limit comes when everything is loaded, so that only the fit's own memory is short.
BEGIN = """
import resource, sys
from pathlib import Path
import psutil, torch
torch.set_num_threads(1)
from tuneworth.core import RunBroken
from tuneworth.train import TrainSettings, fit, load_model

model, out = load_model(sys.argv[1], dtype="float32"), Path(sys.argv[2])
pairs = [{"id": str(i), "input": "x" * (150 + i % 8), "output": "y" * 60} for i in range(64)]
# As much as it takes to have everything imported and warm; what follows is measured against that.
fit(pairs[:4], model=model, settings=TrainSettings(rank=2, batch_size=2, max_steps=1, learning_rate=1e-3))

def limit(more):
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + more, resource.RLIM_INFINITY))
"""
HALVED = """
settings = TrainSettings(rank=2, batch_size=64, max_steps=2, learning_rate=1e-3)
whole = fit(pairs, model=model, settings=settings, out=out / "whole")
import ctypes; ctypes.CDLL(None).malloc_trim(0)
limit(64 * 2**20)
short = fit(pairs, model=model, settings=settings, out=out / "short")
print(short.notices)
assert abs(short.train_loss - whole.train_loss) < 1e-4, (short.train_loss, whole.train_loss)
"""
BROKEN = """
hog = []
def take_all(told):
    if told.step == 3:
        limit(0)
        try:
            while True:
                hog.append(bytearray(50_000))
        except MemoryError:
            del hog[-20:]  # a little, for the words that are to be said
try:
    fit(pairs, model=model, settings=TrainSettings(rank=2, batch_size=8, checkpoint_steps=2), out=out, callbacks=[take_all])
except RunBroken as error:
    hog.clear()
    print(error.exit_code, error)
    assert (out / "checkpoint.safetensors").is_file() and not (out / "adapter").exists()
"""


def limited(script: str, model: Path, out: Path) -> str:
    words = [sys.executable, "-c", BEGIN + script, str(model), str(out)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- what is at hand --------------------------------------------------------------------------------------------


def group(root: Path, place: str, **files: object) -> None:
    folder = root / "sys/fs/cgroup" / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def belongs(root: Path, *lines: str) -> None:
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / "proc/self/cgroup").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 100 GB to spare."""
    tuple_ = psutil.virtual_memory()._replace(available=100 * GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: tuple_)
    monkeypatch.setattr(hardware, "_left_of_own", lambda: None)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)


def test_here_something_is_at_hand() -> None:
    found = memory_at_hand()
    assert 0 < found.bytes <= psutil.virtual_memory().total
    assert 0 < memory_in_use() <= peak_memory_bytes() * 1.1


@pytest.mark.slow
def test_the_peak_is_this_programs_own() -> None:
    code = "from tuneworth.train.model.hardware import peak_memory_bytes as p; print(p())"
    ballast = torch.ones(10**9, dtype=torch.uint8)  # what a child would inherit by getrusage
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 10**7 < int(done.stdout) < len(ballast)


@pytest.mark.usefixtures("roomy")
def test_without_control_groups_the_machine_counts(tmp_path: Path) -> None:
    assert memory_at_hand(root=tmp_path) == MemoryAtHand(100 * GB, "machine")


@pytest.mark.usefixtures("roomy")
def test_a_container_limits_by_version_2(tmp_path: Path) -> None:
    belongs(tmp_path, "0::/box")
    group(tmp_path, "box", memory__max=4 * GB, memory__current=3 * GB, memory__stat=f"anon 1\ninactive_file {GB}")
    assert memory_at_hand(root=tmp_path) == MemoryAtHand(2 * GB, "container")


@pytest.mark.usefixtures("roomy")
def test_an_outer_group_limits_too(tmp_path: Path) -> None:
    belongs(tmp_path, "0::/slice/box")
    group(tmp_path, "slice/box", memory__max="max", memory__current=GB)
    group(tmp_path, "slice", memory__max=8 * GB, memory__current=7 * GB)
    assert memory_at_hand(root=tmp_path) == MemoryAtHand(GB, "container")


@pytest.mark.usefixtures("roomy")
def test_a_container_limits_by_version_1_where_the_path_is_the_hosts(tmp_path: Path) -> None:
    belongs(tmp_path, "9:name=systemd:/", "4:memory:/docker/abc", "0::/")
    group(
        tmp_path, "memory", memory__limit_in_bytes=2 * GB, memory__usage_in_bytes=GB,
        memory__stat=f"inactive_file 7\ntotal_inactive_file {GB // 2}",
    )  # fmt: skip
    assert memory_at_hand(root=tmp_path) == MemoryAtHand(3 * GB // 2, "container")


@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize("limit", [9223372036854771712, "max", "", "-1"])
def test_no_limit_is_none(tmp_path: Path, limit: object) -> None:
    belongs(tmp_path, "4:memory:/", "0::/")
    group(tmp_path, "memory", memory__limit_in_bytes=limit, memory__usage_in_bytes=GB)
    group(tmp_path, "", memory__max=limit, memory__current=GB)
    assert memory_at_hand(root=tmp_path) == MemoryAtHand(100 * GB, "machine")


@pytest.mark.usefixtures("roomy")
def test_more_used_than_allowed_leaves_nothing(tmp_path: Path) -> None:
    belongs(tmp_path, "0::/")
    group(tmp_path, "", memory__max=GB, memory__current=2 * GB)
    assert memory_at_hand(root=tmp_path).bytes == 0


@pytest.mark.usefixtures("roomy")
def test_processes_of_one_machine_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert memory_at_hand(root=tmp_path).bytes == 25 * GB


# --- when there is no more --------------------------------------------------------------------------------------


def test_an_allocation_that_really_fails_is_a_sign() -> None:
    with pytest.raises(RuntimeError) as failed:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(failed.value)


@pytest.mark.slow
def test_a_fit_that_runs_out_of_memory_goes_on_with_fewer_pairs_at_once(tiny_folder: Path, tmp_path: Path) -> None:
    said = limited(HALVED, tiny_folder, tmp_path)
    assert "step 1 ran out of memory with 64 pairs at once" in said


@pytest.mark.slow
def test_a_fit_that_finds_no_memory_at_all_says_what_was_tried_and_keeps_its_checkpoint(
    tiny_folder: Path, tmp_path: Path
) -> None:
    code, _, text = limited(BROKEN, tiny_folder, tmp_path).partition(" ")
    assert code == "3"
    assert text.startswith("Out of memory at step 4 of ")
    assert len(text.strip().splitlines()) <= 3
    for way in ("gradient_checkpointing", "rank", "longest pairs"):
        assert way in text
