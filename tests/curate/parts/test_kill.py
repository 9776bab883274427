"""A driver, a worker, a node killed at any moment: run again, what is done is not done again, the result is the same."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tuneworth.curate import ClusterSettings, Job, RayTasks, open_storage
from tuneworth.curate.jobs.executors import Here

pytestmark = pytest.mark.cluster

PARTS = 12
_DRIVER = """
import json, sys
from tuneworth.curate import Processes
from tuneworth.curate import RayTasks
from tuneworth.curate import ClusterSettings
from tuneworth.curate import open_storage
from tuneworth.curate import Job
import chain_stages

if __name__ == "__main__":
    folder, address, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])
    executor = Processes(2) if address == "processes" else RayTasks(ClusterSettings(address=address))
    with Job.open(open_storage(folder + "/store"), {"data": "numbers"}, executor=executor) as job:
        notes = [job.run(tasks) for tasks in chain_stages.chain(12, folder, pause)]
    with open(folder + "/notes.json", "w") as file:
        json.dump(notes, file)
"""


def _driver(folder: Path, address: str, pause: float) -> subprocess.Popen[bytes]:
    script = folder / "driver.py"
    script.write_text(_DRIVER)
    command = [sys.executable, str(script), str(folder), address, str(pause)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _notes(driver: subprocess.Popen[bytes], folder: Path) -> Any:
    """What a driver found, once it is through."""
    assert driver.wait() == 0
    return json.loads((folder / "notes.json").read_text())


def _finished(folder: Path) -> set[str]:
    """The parts whose `done.json` is there, as `stage-part`."""
    return {f"{p.parent.parent.name}-{int(p.parent.name)}" for p in (folder / "store").glob("jobs/*/*/*/done.json")}


def _runs(folder: Path) -> dict[str, int]:
    """How often each part was begun."""
    names = [f"{stage}-{part}" for stage in ("numbers", "sums", "total") for part in range(PARTS)]
    return {name: len((folder / name).read_text().splitlines()) for name in names if (folder / name).exists()}


def _wait_until_done(driver: subprocess.Popen[bytes], folder: Path, parts: int) -> None:
    while len(_finished(folder)) < parts:
        assert driver.poll() is None, "the driver ended before its time"
        time.sleep(0.02)


@pytest.mark.parametrize("parts", [5, 20])
def test_a_killed_driver_goes_on_where_it_stopped(stages: ModuleType, tmp_path: Path, parts: int) -> None:
    driver = _driver(tmp_path, "processes", 0.2)
    _wait_until_done(driver, tmp_path, parts)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    before = _runs(tmp_path)
    whole = _finished(tmp_path)
    again = _driver(tmp_path, "processes", 0.0)
    notes = _notes(again, tmp_path)
    after = _runs(tmp_path)
    assert notes == stages.expected(PARTS)
    assert len(whole) >= parts
    assert {name: after[name] - before[name] for name in whole} == dict.fromkeys(whole, 0)
    assert sum(after.values()) <= 3 * PARTS + 4  # at most the tasks that ran at the kill were begun twice


def test_a_driver_killed_on_a_living_cluster_goes_on_where_it_stopped(
    stages: ModuleType, tmp_path: Path, two_nodes: Any
) -> None:
    driver = _driver(tmp_path, two_nodes.address, 0.2)
    _wait_until_done(driver, tmp_path, 7)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    whole = _finished(tmp_path)
    before = _runs(tmp_path)
    again = _driver(tmp_path, two_nodes.address, 0.0)
    notes = _notes(again, tmp_path)
    after = _runs(tmp_path)
    assert notes == stages.expected(PARTS)
    assert {name: after[name] - before[name] for name in whole} == dict.fromkeys(whole, 0)


def test_a_node_killed_in_the_middle_changes_nothing(stages: ModuleType, tmp_path: Path, two_nodes: Any) -> None:
    (node,) = two_nodes.worker_nodes
    driver = _driver(tmp_path, two_nodes.address, 0.3)
    _wait_until_done(driver, tmp_path, 6)
    two_nodes.remove_node(node, allow_graceful=False)
    assert driver.poll() is None
    killed_at = _finished(tmp_path)
    notes = _notes(driver, tmp_path)
    runs = _runs(tmp_path)
    assert notes == stages.expected(PARTS)
    assert len(killed_at) < 3 * PARTS
    assert 3 * PARTS <= sum(runs.values()) <= 3 * PARTS + 4  # what ran on the lost node was begun twice, the rest once


def test_what_a_cluster_left_half_done_one_process_finishes(stages: ModuleType, tmp_path: Path, two_nodes: Any) -> None:
    tasks = stages.chain(PARTS, str(tmp_path))
    executor = RayTasks(ClusterSettings(address=two_nodes.address))
    with Job.open(open_storage(tmp_path / "store"), {"data": "numbers"}, executor=executor) as job:
        job.run(tasks[0])
        job.run(tasks[1][:5])
    with Job.open(open_storage(tmp_path / "store"), {"data": "numbers"}, executor=Here()) as job:
        notes = [job.run(stage) for stage in tasks]
    assert notes == stages.expected(PARTS)
    assert set(_runs(tmp_path).values()) == {1}
