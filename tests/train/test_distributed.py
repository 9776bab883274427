"""A fit by two workers of Ray Train on this machine: what one process does, with one of them killed, or refused."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError, DataError
from tuneworth.train import TrainSettings, fit, living_nodes, on_workers, plan_workers
from tuneworth.train.distributed import Workers

WORDS = ["resistor", "diode", "relay", "fuse", "lamp", "switch", "coil", "motor"]
PAIRS = [{"id": f"p{i}", "input": f"{WORDS[i % 8]} {i}", "output": f"yes, {WORDS[i % 8]}"} for i in range(9)]
HELD_OUT = [{"id": f"v{i}", "input": f"{WORDS[i]} {i}", "output": f"no: {WORDS[i]}"} for i in range(3)]
# Nine pairs in batches of four: the last batch has one row, so that one of two workers has none.
SETTINGS = TrainSettings(
    rank=4, alpha=8, epochs=2, batch_size=4, learning_rate=1e-2, checkpoint_steps=0, dtype="float32", patience=1000
)
LONG = replace(SETTINGS, epochs=None, max_steps=20, learning_rate=1e-3, checkpoint_steps=3)
LOST_AT = 11  # the checkpoint before it is that of step 9
# Ray's own, when Ray Train prepares data that it is not asked for.
pytestmark = pytest.mark.filterwarnings(r"ignore:`use_\w+` is deprecated:DeprecationWarning")


# --- without a cluster ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "wanted", "expected"),
    [
        ([{"CPU": 8.0}], None, Workers(1, 8, gpus=False)),
        ([{"CPU": 8.0}, {"CPU": 8.0}, {"memory": 1e9}], None, Workers(2, 8, gpus=False)),
        ([{"CPU": 8.0}, {"CPU": 2.0}], None, Workers(2, 4, gpus=False)),
        ([{"CPU": 2.0}], 2, Workers(2, 1, gpus=False)),
        ([{"CPU": 16.0, "GPU": 2.0}, {"CPU": 12.0, "GPU": 1.0}, {"CPU": 64.0}], None, Workers(3, 8, gpus=True)),
        ([{"CPU": 16.0, "GPU": 2.0}], 1, Workers(1, 8, gpus=True)),
    ],
)
def test_workers_follow_from_the_nodes(nodes: Any, wanted: int | None, expected: Workers) -> None:
    assert plan_workers(nodes, wanted=wanted) == expected


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.data())
def test_workers_on_cpus_fit_the_nodes_and_leave_no_core_that_all_could_have(cores: list[int], data: Any) -> None:
    count = data.draw(st.integers(1, sum(cores)))
    found = plan_workers([{"CPU": float(n)} for n in cores], wanted=count)
    assert found.places([{"CPU": float(n)} for n in cores]) >= count
    assert sum(n // (found.cores + 1) for n in cores) < count


@pytest.mark.parametrize(
    ("nodes", "workers", "expected"),
    [
        ([{"CPU": 8.0}, {"CPU": 9.0}], Workers(4, 4, gpus=False), 4),
        ([{"CPU": 7.0}, {"CPU": 9.0}, {"memory": 1.0}], Workers(4, 4, gpus=False), 3),
        ([{"CPU": 8.0, "GPU": 4.0}, {"CPU": 64.0}], Workers(8, 2, gpus=True), 4),
        ([{"CPU": 0.0, "GPU": 2.0}], Workers(2, 0, gpus=True), 2),
        ([], Workers(1, 1, gpus=False), 0),
    ],
)
def test_the_room_of_the_nodes_that_are_left(nodes: Any, workers: Workers, expected: int) -> None:
    assert workers.places(nodes) == expected


@pytest.mark.parametrize(
    ("nodes", "wanted", "said"),
    [
        ([{"CPU": 2.0}], 3, "3 workers of a fit need one core each, but the cluster has 2"),
        ([{"memory": 1.0}], None, "but the cluster has 0"),
        ([{"CPU": 8.0, "GPU": 2.0}], 3, r"\[cluster\] workers is 3, but the cluster has 2 GPUs"),
    ],
)
def test_more_workers_than_there_is_room_for_are_an_error(nodes: Any, wanted: int | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        plan_workers(nodes, wanted=wanted)
    assert "cluster" in str(error.value)


@pytest.mark.slow
def test_training_without_a_cluster_or_tracker_imports_nothing_of_ray_or_tensorboard(
    tiny_folder: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "import tuneworth.cli.train, tuneworth.project.training.train, tuneworth.train.distributed\n"
        "import tuneworth.project.training.cluster_training\n"
        "from tuneworth.train import TrainSettings, fit\n"
        f"fit([{{'input': 'a', 'output': 'b'}}], model={str(tiny_folder)!r}, out=Path({str(tmp_path)!r}),\n"
        "    settings=TrainSettings(rank=2, alpha=4, max_steps=1, dtype='float32'))\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'ray' or 'tensorboard' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


# --- two workers ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Workers]:
    """A cluster of this machine alone, connected; room for two workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # a socket's path has at most 107 characters
        ray.init(
            address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
            _temp_dir=folder, _node_ip_address="127.0.0.1", object_store_memory=100_000_000,
        )  # fmt: skip
        yield plan_workers(living_nodes(), wanted=2)
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Ear:
    """Hears what workers say; kills the second one when the first one waits at LOST_AT, and lets the first one go on."""

    out: Path
    pids: list[dict[int, int]] = field(default_factory=list)
    steps: list[list[int]] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        told = json.loads(line)
        if "pid" in told:
            if not self.pids or told["rank"] in self.pids[-1]:
                self.pids.append({})
                self.steps.append([])
            self.pids[-1][told["rank"]] = told["pid"]
        else:
            self.steps[-1].append(told["step"])
            if told["step"] == LOST_AT and len(self.pids) == 1:
                os.kill(self.pids[0][1], signal.SIGKILL)
                (self.out / "killed").touch()


def together(model: str, out: Path) -> Callable[..., Any]:
    """What each worker does: a fit, a longer one, and that once more, which waits at LOST_AT until one was killed."""

    def member(*, say: Callable[[str], None]) -> list[dict[str, Any]]:
        from tuneworth.train import Processes

        say(json.dumps({"rank": Processes.here().rank, "pid": os.getpid()}))

        def waits(report: Any) -> None:
            say(json.dumps({"step": report.step}))
            while report.step == LOST_AT and not (out / "killed").exists():
                time.sleep(0.01)

        short = fit(PAIRS, HELD_OUT, model=model, settings=SETTINGS, out=out / "short")
        whole = fit(PAIRS, HELD_OUT, model=model, settings=LONG, out=out / "whole")
        cut = fit(PAIRS, HELD_OUT, model=model, settings=LONG, out=out / "cut", callbacks=[waits], resume=True)
        count = Processes.here().count
        return [{"log": list(result.log), "count": count} for result in (short, whole, cut)]

    return member


@pytest.fixture(scope="module")
def trained(cluster: Workers, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ear, Any]:
    out = tmp_path_factory.mktemp("cluster")
    ear = Ear(out)
    told = on_workers(together(str(tiny_folder), out), {}, workers=cluster, shared=out, say=ear)
    return out, ear, told


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "adapter" / "adapter_model.safetensors")


@pytest.mark.cluster
def test_two_workers_do_what_one_process_does(trained: Any, tiny_model: Any, tmp_path: Path) -> None:
    out, _, told = trained
    alone = fit(PAIRS, HELD_OUT, model=tiny_model, settings=SETTINGS, out=tmp_path)
    assert told[0]["count"] == 2  # two that train alone would do the same, too
    assert len(told[0]["log"]) == len(alone.log) == 6
    for mine, theirs in zip(alone.log, told[0]["log"], strict=True):
        assert {k: v or 0.0 for k, v in theirs.items()} == pytest.approx(
            {k: v or 0.0 for k, v in mine.items()}, rel=1e-5
        )
    mine, theirs = weights(tmp_path), weights(out / "short")
    far = {key: float((mine[key] - theirs[key]).abs().max()) for key in mine}
    assert mine.keys() == theirs.keys()
    assert max(far.values()) < 1e-5, far


@pytest.mark.cluster
def test_a_worker_killed_in_the_middle_costs_the_steps_since_the_checkpoint_and_nothing_else(trained: Any) -> None:
    out, ear, told = trained
    assert [sorted(pids) for pids in ear.pids] == [[0, 1], [0, 1]]
    assert not set(ear.pids[0].values()) & set(ear.pids[1].values())
    assert ear.steps == [list(range(1, LOST_AT + 1)), list(range(10, 21))]
    assert told[2]["log"] == told[1]["log"]  # bit for bit
    for name in ("adapter/adapter_model.safetensors", "log.jsonl", "pair_losses.jsonl"):
        assert (out / "cut" / name).read_bytes() == (out / "whole" / name).read_bytes()
    assert not (out / "cut" / "checkpoint.safetensors").exists()
    assert not (out / ".cluster").exists()


@pytest.mark.cluster
def test_what_a_user_must_mend_ends_the_fit_and_is_not_tried_again(cluster: Workers, tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    def member(*, path: Path, say: Callable[[str], None]) -> None:
        from tuneworth.core import DataError
        from tuneworth.train import Processes

        if Processes.here().first:
            with path.open("a") as file:
                file.write("called\n")
        else:
            raise DataError("pairs.jsonl, line 3: no output")
        Processes.here().wait()

    with pytest.raises(DataError, match=r"pairs\.jsonl, line 3: no output"):
        on_workers(member, {"path": calls}, workers=cluster, shared=tmp_path, say=print)
    # Not tried again; the second may have ended before the first one came so far.
    assert not calls.exists() or calls.read_text() in ("", "called\n")
    assert not (tmp_path / ".cluster").exists()


@pytest.mark.cluster
def test_a_node_that_does_not_see_the_run_says_what_to_do(cluster: Workers, tmp_path: Path) -> None:
    from tuneworth.train.distributed import _check_shared

    assert cluster.count == 2
    with pytest.raises(ConfigError, match=r"does not exist on the node \S+, but a fit on a cluster reads") as error:
        _check_shared(tmp_path, "other")
    assert "NFS" in str(error.value)


# --- the command ------------------------------------------------------------------------------------------------

PROJECT = """
[data]
path = "pairs.jsonl"
[train]
model = "{model}"
dtype = "float32"
max_steps = 3
batch_size = 4
rank = 2
[cluster]
address = "local"
workers = 2
"""
STYLE = "name: Label\nabout: One label for one part.\nchecks:\n  - {kind: starts_with, any: [Box], id: starts}\n"


@pytest.fixture
def project(tmp_path: Path, tiny_folder: Path) -> Path:
    """A project with a curated run."""
    (tmp_path / "tuneworth.toml").write_text(PROJECT.format(model=tiny_folder))
    (tmp_path / "style.yaml").write_text(STYLE)
    rows = [
        (f"{WORDS[i % 8]} {WORDS[i * 3 % 7]} number {i * 37}", f"Box {i * 37} of {WORDS[i % 8]}") for i in range(40)
    ]
    lines = [json.dumps({"id": f"p{i}", "input": told, "output": output}) for i, (told, output) in enumerate(rows)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    assert command("curate", tmp_path, "--quiet") == 0
    return tmp_path


def command(*words: object) -> int:
    from tuneworth.cli import main

    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


@pytest.mark.cluster
def test_the_command_trains_on_the_cluster_and_puts_the_earlier_training_aside(
    cluster: Workers, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("train", project, "--quiet") == 0
    capsys.readouterr()
    assert command("train", project, "--cluster", "--again", "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["steps"] == 3
    assert f"train: on the cluster, {cluster.count} workers with 1 core each" in said.err
    assert said.err.count("train: step 3 of 3") == 1  # of the first worker alone
    run = next((project / "runs").iterdir())
    alone, together = weights(run / "train-1"), weights(run / "train")
    assert max(float((alone[key] - together[key]).abs().max()) for key in alone) < 1e-5
    assert not (run / "train-2").exists()
    assert command("train", project, "--cluster") == 0
    assert "is already trained" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "has no [cluster] section"),
        ('[cluster]\naddress = "processes"\n', "or set the address of a Ray cluster"),
    ],
)
def test_no_cluster_is_told_before_anything_is_trained(
    project: Path, capsys: pytest.CaptureFixture[str], table: str, said: str
) -> None:
    file = project / "tuneworth.toml"
    file.write_text(file.read_text().partition("[cluster]")[0] + table)
    assert command("train", project, "--cluster") == 2
    assert said in capsys.readouterr().err
    assert not (next((project / "runs").iterdir()) / "train").exists()
