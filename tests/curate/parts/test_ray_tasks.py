"""Tasks on a Ray cluster of two nodes give what one process gives; what is wrong with a cluster is one clear message."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tuneworth.core import ConfigError, DataError, RunBroken
from tuneworth.curate import ClusterSettings, Job, RayTasks, open_storage
from tuneworth.curate.parts import ray as ray_connection
from tuneworth.curate.parts.tasks import Table, Task

from .drivers import PARTS, begun, finished, notes_of, start_driver, wait_until_done
from .here import Here

pytestmark = pytest.mark.cluster


@pytest.fixture
def on_ray(two_nodes: Any) -> Iterator[RayTasks]:
    executor = RayTasks(ClusterSettings(address=two_nodes.address))
    yield executor
    executor.close()


def test_two_nodes_give_what_a_count_by_hand_gives(stages: ModuleType, tmp_path: Path, on_ray: RayTasks) -> None:
    with Job.open(open_storage(tmp_path / "store"), {"data": "numbers"}, executor=on_ray) as job:
        assert [job.run(tasks) for tasks in stages.chain(8, str(tmp_path))] == stages.expected(8)
        sums = job.read([Table("sums", part, "sums") for part in range(8)])
    assert sums["bucket_of"].to_list() == list(range(8))
    assert on_ray.workers == 2


def test_both_nodes_work_with_one_thread_a_task(stages: ModuleType, tmp_path: Path, on_ray: RayTasks) -> None:
    with Job.open(open_storage(tmp_path), {}, executor=on_ray) as job:
        found = job.run([Task("where", part, stages.where, parameters={"pause": 0.5}) for part in range(8)])
    assert {node for node, _ in found} == {"127.0.0.2", "127.0.0.3"}
    assert {threads for _, threads in found} == {1}


def test_answers_and_errors_come_back_from_a_node(stages: ModuleType, tmp_path: Path, on_ray: RayTasks) -> None:
    with Job.open(open_storage(tmp_path), {}, executor=on_ray) as job:
        answers = job.ask(stages.chain(3, str(tmp_path))[0])
        assert [answer.note["first"] for answer in answers] == [0, 40, 80]
        tasks = [Task("read", part, stages.refuses, parameters={"part": part, "bad": 3}) for part in range(30)]
        with pytest.raises(DataError, match=r"^the file pairs-3.jsonl cannot be read\n\(in read, part 3\)$"):
            job.run(tasks)
        with pytest.raises(RunBroken, match=r"(?s)^paint, part 1 failed\n.*KeyError: 'colour'$"):
            job.run([Task("paint", 1, stages.stumbles)])


def test_a_worker_that_is_killed_costs_its_task_a_second_run(
    stages: ModuleType, tmp_path: Path, on_ray: RayTasks
) -> None:
    tasks = [Task("dies", part, stages.dies_once, parameters={"part": part, "log": str(tmp_path)}) for part in range(5)]
    with Job.open(open_storage(tmp_path / "store"), {}, executor=on_ray) as job:
        assert job.run(tasks) == [0, 1, 2, 3, 4]
    assert len((tmp_path / "dies-2").read_text().splitlines()) == 2


def test_a_storage_that_the_nodes_cannot_see_is_refused_with_their_names(on_ray: RayTasks) -> None:
    with pytest.raises(ConfigError, match=r"(?s)node 127.0.0.2 cannot read the storage memory://pairs.*node 127.0.0.3"):
        on_ray.prepare(open_storage("memory://pairs"))


def test_a_task_larger_than_any_node_is_refused_at_once(two_nodes: Any) -> None:
    with pytest.raises(ConfigError, match=r"memory_per_task = '900 TB' is more than any node has"):
        RayTasks(ClusterSettings(address=two_nodes.address, memory_per_task="900 TB"))
    import ray

    assert not ray.is_initialized()


def test_ray_is_started_here_and_ended_again(stages: ModuleType, tmp_path: Path, two_nodes: Any) -> None:
    executor = RayTasks(ClusterSettings(address="local", workers=1))
    with Job.open(open_storage(tmp_path / "store"), {}, executor=executor) as job:
        assert job.run(stages.chain(2, str(tmp_path))[0]) == stages.expected(2)[0]
    import ray

    assert not ray.is_initialized()
    assert executor.workers == 1


def test_another_version_of_ray_is_said(two_nodes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "__version__", "2.1.0")
    with pytest.raises(ConfigError, match=r"(?s)2\.60\.0.*Use the same versions"):
        RayTasks(ClusterSettings(address=two_nodes.address))


# --- killed ---------------------------------------------------------------------------------------------------------


def test_a_driver_killed_on_a_living_cluster_goes_on_where_it_stopped(
    stages: ModuleType, tmp_path: Path, two_nodes: Any
) -> None:
    driver = start_driver(tmp_path, two_nodes.address, 0.2)
    wait_until_done(driver, tmp_path, 7)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    whole = finished(tmp_path)
    before = begun(tmp_path)
    again = start_driver(tmp_path, two_nodes.address, 0.0)
    notes = notes_of(again, tmp_path)
    after = begun(tmp_path)
    assert notes == stages.expected(PARTS)
    assert {name: after[name] - before[name] for name in whole} == dict.fromkeys(whole, 0)


def test_what_a_cluster_left_half_done_one_process_finishes(stages: ModuleType, tmp_path: Path, two_nodes: Any) -> None:
    tasks = stages.chain(PARTS, str(tmp_path))
    executor = RayTasks(ClusterSettings(address=two_nodes.address))
    with Job.open(open_storage(tmp_path / "store"), {"data": "numbers"}, executor=executor) as job:
        job.run(tasks[0])
        job.run(tasks[1][:5])
    with Job.open(open_storage(tmp_path / "store"), {"data": "numbers"}, executor=Here()) as job:
        notes = [job.run(stage) for stage in tasks]
    assert notes == stages.expected(PARTS)
    assert set(begun(tmp_path).values()) == {1}


def test_a_node_killed_in_the_middle_changes_nothing(stages: ModuleType, tmp_path: Path, two_nodes: Any) -> None:
    """The last test of the cluster, which has a node less afterwards."""
    (node,) = two_nodes.worker_nodes
    driver = start_driver(tmp_path, two_nodes.address, 0.3)
    wait_until_done(driver, tmp_path, 6)
    two_nodes.remove_node(node, allow_graceful=False)
    assert driver.poll() is None
    killed_at = finished(tmp_path)
    notes = notes_of(driver, tmp_path)
    runs = begun(tmp_path)
    assert notes == stages.expected(PARTS)
    assert len(killed_at) < 3 * PARTS
    assert 3 * PARTS <= sum(runs.values()) <= 3 * PARTS + 4  # what ran on the lost node was begun twice, the rest once


# --- what is wrong with an address ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_nobody_at_the_address_is_said_at_once(scheme: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(
        ConfigError, match=r'(?s)\[cluster\] address = ".*": nothing answers at .*Start one \(ray start'
    ):
        RayTasks(ClusterSettings(address=address))


def test_a_cluster_that_ended_is_said_where_the_environment_still_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.2:{free.getsockname()[1]}")
    with pytest.raises(ConfigError, match=r'address = "auto": nothing answers at 127.0.0.2:\d+ \(Connection refused\)'):
        RayTasks(ClusterSettings())


def test_a_server_of_another_kind_at_the_address_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_connection, "_HEAD_ANSWER", 3.0)
    with HTTPServer(("0.0.0.0", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(ConfigError, match="is not the head node of a Ray cluster"):
            RayTasks(ClusterSettings(address=f"127.0.0.1:{server.server_port}"))
        server.shutdown()


def test_what_a_head_node_says_comes_without_its_traceback_and_with_advice() -> None:
    failed = ray_connection._connection_error(
        "ray://head:10001", "Initialization failure from server:\nTraceback (most recent"
    )
    assert failed.splitlines() == [
        '[cluster] address = "ray://head:10001": Initialization failure from server',
        "Run the same command again; if it still fails, see ray_client_server.err on the head node.",
    ]
    silent = ray_connection._connection_error("ray://head:6379", "ray client connection timeout")
    assert "or the server rejected the token" in silent
    assert "--ray-client-server-port" in silent


_WITHOUT = """
import sys
import tuneworth.curate, tuneworth.curate.parts.executors, tuneworth.curate.parts.settings, tuneworth.cli
from tuneworth.curate import open_storage
open_storage(sys.argv[1])
print([name for name in ("ray", "fsspec") if name in sys.modules])
"""


def test_nothing_of_ray_or_fsspec_is_imported_without_a_cluster(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
