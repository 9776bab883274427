"""Several processes train one adapter. Run by itself, this file starts them and is what each of them does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tuneworth.core import ConfigError, RunBroken
from tuneworth.train import Processes, TrainSettings, fit, load_model, preflight
from tuneworth.train.processes import _known, _reason

WORDS = ["resistor", "diode", "relay", "fuse", "lamp", "switch", "coil", "motor"]
QUICK = TrainSettings(rank=4, alpha=8, epochs=2, batch_size=4, learning_rate=1e-2, checkpoint_steps=0, dtype="float32")
# Nine pairs in batches of four: the last batch has one row, so that one of two processes has none.
JOBS = {
    "uneven last batch": QUICK,
    "more processes than rows": replace(QUICK, batch_size=1, epochs=1),
    "in parts": replace(QUICK, batch_size=8, micro_batch=1),
    "stopped early": replace(QUICK, learning_rate=5e-2, epochs=30, patience=1),
    "recomputed": replace(QUICK, gradient_checkpointing=True),
    "memory for one pair": replace(QUICK, batch_size=8),
}
LONG = replace(QUICK, epochs=None, max_steps=60, learning_rate=1e-3, checkpoint_steps=1, patience=1000)


def pairs(count: int, *, answer: str = "yes, {}") -> list[dict[str, str]]:
    words = [WORDS[i % 8] for i in range(count)]
    return [{"id": f"p{i}", "input": f"{w} {i}", "output": answer.format(w)} for i, w in enumerate(words)]


# --- what one of the processes does -----------------------------------------------------------------------------


def member(model: str, out: Path) -> None:
    for name, settings in JOBS.items():
        if name == "memory for one pair" and not Processes.here().first:
            memory_for_one_pair()
        fit_here(name, settings, model=model, out=out)
    try:
        fit(pairs(9 + Processes.here().rank), model=model, settings=QUICK, out=out / "others")
    except ConfigError as error:
        (out / f"others-{Processes.here().rank}.txt").write_text(str(error))
    Processes.here().leave()


def fit_here(name: str, settings: TrainSettings, *, model: str, out: Path) -> None:
    processes = Processes.here()
    result = fit(pairs(9), pairs(3, answer="no: {}"), model=model, settings=settings, out=out / name, resume=True)
    seen = {"log": result.log, "notices": result.notices, "early": result.stopped_early, "best": result.best_step}
    (out / f"{name}-{processes.rank}.json").write_text(json.dumps(seen))


def memory_for_one_pair() -> None:
    from tuneworth.train import loss

    whole = loss.collate

    def collate(examples: Any, **settings: Any) -> Any:
        if len(examples) > 1 and examples[0].id:  # rows without one are what the fast path is tried on
            raise MemoryError
        return whole(examples, **settings)

    loss.collate = collate


# Starting Python with torch takes seconds, so one process gets ready, and the members of each group are forks of it.
def nursery(model: str) -> None:
    """For each job and its folder start a group: tell its processes by rank, and then how each of them ended."""
    torch.set_num_threads(1)
    load_model(model, dtype="float32")  # imports what a fit needs
    for line in sys.stdin:
        job, out = json.loads(line)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        group = [begin(job, model, Path(out), rank, port) for rank in (0, 1)]
        print(json.dumps(group), flush=True)
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in group]), flush=True)


def begin(job: str, model: str, out: Path, rank: int, port: int) -> int:
    """The process of a new member, which is started as a launcher does it; what it says is in a file of the folder."""
    if pid := os.fork():
        return pid
    _known.clear()  # loading the model asked already
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in told.items()} | {"MASTER_ADDR": "127.0.0.1"}
    said = (out / f"said-{rank}.txt").open("w")
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    code = 1
    try:
        if job == "jobs":
            member(model, out)
        else:
            fit_here(job, LONG, model=model, out=out)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@dataclass(frozen=True)
class Groups:
    """What starts groups of two, one after the other."""

    nursery: subprocess.Popen[str]

    def start(self, job: str, out: Path) -> list[int]:
        """The processes of a new group, by rank."""
        assert self.nursery.stdin
        self.nursery.stdin.write(json.dumps([job, str(out)]) + "\n")
        self.nursery.stdin.flush()
        return self._told()

    def ended(self) -> list[int]:
        """The exit codes of the group, by rank, once both have ended."""
        return self._told()

    def _told(self) -> list[int]:
        assert self.nursery.stdout
        return json.loads(self.nursery.stdout.readline())


@pytest.fixture(scope="module")
def groups(tiny_folder: Path) -> Iterator[Groups]:
    words = [sys.executable, __file__, str(tiny_folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Groups(process)


# --- two processes and one --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def together(groups: Groups, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("together")
    groups.start("jobs", out)
    assert groups.ended() == [0, 0], [(out / f"said-{rank}.txt").read_text() for rank in (0, 1)]
    return out


def seen(out: Path, name: str, rank: int) -> dict[str, Any]:
    return json.loads((out / f"{name}-{rank}.json").read_text())


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "adapter" / "adapter_model.safetensors")


def same_course(log: Any, other: Any) -> bool:
    names = ("step", "train_loss", "validation_loss", "gradient_norm", "learning_rate")
    first, second = ([line[name] or 0.0 for line in lines for name in names] for lines in (log, other))
    return first == pytest.approx(second, rel=1e-5)


@pytest.mark.cluster
@pytest.mark.parametrize("name", JOBS)
def test_two_processes_do_what_one_does(together: Path, tiny_model: Any, tmp_path: Path, name: str) -> None:
    alone = fit(pairs(9), pairs(3, answer="no: {}"), model=tiny_model, settings=JOBS[name], out=tmp_path)
    first, second = seen(together, name, 0), seen(together, name, 1)
    assert first["log"] == second["log"]  # bit for bit: else one would stop and the other wait for it
    # Sums in another order differ in the last bit, which a steep rate carries further at every step.
    steep = name == "stopped early"
    assert len(first["log"]) == len(alone.log)
    assert same_course(first["log"][: 6 if steep else None], alone.log[: 6 if steep else None])
    assert (first["early"], first["best"]) == (alone.stopped_early, alone.best_step)
    mine, theirs = weights(tmp_path), weights(together / name)
    assert mine.keys() == theirs.keys()
    far = {key: float((mine[key] - theirs[key]).abs().max()) for key in mine}
    assert max(far.values()) < (1e-2 if steep else 1e-5), far


@pytest.mark.cluster
def test_only_the_first_process_writes(together: Path) -> None:
    lines = (together / "uneven last batch" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    names = {path.name for path in (together / "uneven last batch").iterdir()}
    assert {"adapter", "log.jsonl", "pair_losses.jsonl", "summary.json"} <= names
    assert not any(name.endswith((".part", ".old")) for name in names)


@pytest.mark.cluster
def test_memory_that_ran_out_in_one_process_is_told_by_the_first(together: Path) -> None:
    assert seen(together, "stopped early", 0)["early"]
    told = " ".join(seen(together, "memory for one pair", 0)["notices"])
    assert "process 1: step 2 ran out of memory" in told
    assert "with 2 pairs at once; from then on 1 at once" in told
    assert "process 0" not in told


@pytest.mark.cluster
def test_processes_that_see_other_pairs_do_not_train(together: Path) -> None:
    said = [(together / f"others-{rank}.txt").read_text() for rank in (0, 1)]
    assert all("disagree" in text for text in said)
    assert not (together / "others" / "adapter").exists()


# --- killed -----------------------------------------------------------------------------------------------------


def wait_for_another(path: Path, before: int | None) -> int:
    """When the file was written that is not the one of before."""
    until = time.monotonic() + 120
    while not path.exists() or path.stat().st_mtime_ns == before:
        assert time.monotonic() < until, "no checkpoint within two minutes"
        time.sleep(0.02)
    return path.stat().st_mtime_ns


@pytest.mark.cluster
def test_a_fit_killed_in_part_and_then_as_a_whole_ends_as_if_nobody_had(
    groups: Groups, tiny_model: Any, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "long" / "checkpoint.safetensors"
    _, second = groups.start("long", tmp_path)
    wait_for_another(checkpoint, None)
    os.kill(second, signal.SIGKILL)
    assert groups.ended() == [1, -signal.SIGKILL]
    said = (tmp_path / "said-0.txt").read_text()
    assert said.count("ProcessLost: Another of the 2 processes of this fit ended") == 1
    assert not (tmp_path / "long" / "adapter").exists()

    before = checkpoint.stat().st_mtime_ns
    pids = groups.start("long", tmp_path)
    wait_for_another(checkpoint, before)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert groups.ended() == [-signal.SIGKILL] * 2

    groups.start("long", tmp_path)
    assert groups.ended() == [0, 0], (tmp_path / "said-0.txt").read_text()
    alone = fit(pairs(9), pairs(3, answer="no: {}"), model=tiny_model, settings=LONG, out=tmp_path / "alone")
    assert same_course(seen(tmp_path, "long", 0)["log"], alone.log)
    assert seen(tmp_path, "long", 0)["log"] == seen(tmp_path, "long", 1)["log"]


# --- one process ------------------------------------------------------------------------------------------------


def test_one_process_alone_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    _known.clear()
    here = Processes.here()
    assert (here.rank, here.count, here.first) == (0, 1, True)
    assert here.gather("x") == ["x"]
    assert here.from_first("x") == "x"
    assert here.share([5, 6, 7]) == [5, 6, 7]
    assert here.speaks_of_failure()
    here.agree("x", what="words")
    here.wait()
    here.leave()


def test_each_row_is_one_process_s() -> None:
    shares = [Processes(rank, 3).share(range(7)) for rank in range(3)]
    assert shares == [[0, 3, 6], [1, 4], [2, 5]]


@pytest.mark.slow
def test_a_share_of_a_batch_is_no_lack_of_memory_and_no_share_no_error(tiny_model: Any) -> None:
    settings = replace(QUICK, batch_size=2)
    for rank in range(3):
        plan = preflight(pairs(9), model=tiny_model, settings=settings, processes=Processes(rank, 3, "cpu"))
        assert plan.settings.micro_batch is None
        assert plan.adjusted == {}


def test_an_environment_that_is_half_a_launcher_s_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "zero", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    _known.clear()
    with pytest.raises(ConfigError, match="RANK, LOCAL_RANK are missing or not a number") as error:
        Processes.here()
    assert "torchrun --nproc-per-node 2" in str(error.value)
    _known.clear()


@pytest.mark.slow
def test_others_that_cannot_be_reached_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from tuneworth.train import processes

    told = {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "9"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes, "PATIENCE", timedelta(seconds=0.2))
    _known.clear()
    with pytest.raises(RunBroken, match=r"Process 1 of 2 could not reach the others at 127\.0\.0\.1:9"):
        Processes.here()
    _known.clear()


def test_what_torch_says_is_cut_to_its_first_sentence() -> None:
    said = "[/src/gloo/pair.cc:537] Read error [127.0.0.1]:26: Connection reset by peer. This is\nsomething else"
    assert _reason(RuntimeError(said)) == "Read error [127.0.0.1]:26: Connection reset by peer"
    assert _reason(RuntimeError()) == "RuntimeError"


if __name__ == "__main__":
    nursery(sys.argv[1])
