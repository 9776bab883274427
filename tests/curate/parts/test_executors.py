"""This process and a pool of processes: the same notes, the same tables, and what happens when a worker dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from tuneworth.core import DataError, RunBroken, key_env_problems
from tuneworth.curate import Job, Processes, open_storage
from tuneworth.curate.parts.tasks import Table, Task

from .here import Here


def _chain(stages: ModuleType, folder: Path, executor: Here | Processes, parts: int = 6) -> list[object]:
    log = folder / "log"
    log.mkdir(parents=True)
    with Job.open(open_storage(folder / "store"), {"data": "numbers"}, executor=executor) as job:
        notes = [job.run(tasks) for tasks in stages.chain(parts, str(log))]
        table = job.read([Table("sums", part, "sums") for part in range(parts)])
    return [notes, table.rows()]


def test_a_chain_of_stages_gives_what_a_count_by_hand_gives(stages: ModuleType, tmp_path: Path) -> None:
    notes, rows = _chain(stages, tmp_path, Here())
    assert notes == stages.expected(6)
    assert rows[2] == (2, sum(n for n in range(240) if n * 7 % 5 == 2))


@pytest.mark.slow
def test_processes_give_what_one_process_gives(stages: ModuleType, tmp_path: Path) -> None:
    assert _chain(stages, tmp_path / "two", Processes(2)) == _chain(stages, tmp_path / "here", Here())


@pytest.mark.cluster
def test_each_of_several_workers_has_one_thread_and_the_driver_keeps_its_own(
    stages: ModuleType, tmp_path: Path
) -> None:
    before = dict(os.environ)
    with Job.open(open_storage(tmp_path), {}, executor=Processes(2)) as job:
        assert job.run([Task("threads", part, stages.threads) for part in range(4)]) == [[1, "1"]] * 4
    assert dict(os.environ) == before


@pytest.mark.cluster
def test_workers_do_not_inherit_the_keys_of_endpoints(
    stages: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-0123456789abcdef")
    assert key_env_problems("SOME_API_KEY") == []  # as a variant's settings do
    executor = Processes(2)
    with Job.open(open_storage(tmp_path), {}, executor=executor) as job:
        job.run([Task("threads", part, stages.threads) for part in range(4)])
        started = [
            Path(f"/proc/{child}") for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        ]
        given = [(child / "environ").read_bytes() for child in started]
    assert len(given) >= 2
    assert not any(b"sk-0123456789abcdef" in environment for environment in given)
    assert os.environ["SOME_API_KEY"] == "sk-0123456789abcdef"


@pytest.mark.cluster
def test_a_worker_that_is_killed_is_replaced_and_its_task_done_again(stages: ModuleType, tmp_path: Path) -> None:
    tasks = [Task("dies", part, stages.dies_once, parameters={"part": part, "log": str(tmp_path)}) for part in range(6)]
    with Job.open(open_storage(tmp_path / "store"), {}, executor=Processes(2)) as job:
        assert job.run(tasks) == [0, 1, 2, 3, 4, 5]
        assert job.read([Table("dies", part, "t") for part in range(6)])["part"].to_list() == [0, 1, 2, 3, 4, 5]
    assert len((tmp_path / "dies-2").read_text().splitlines()) >= 2


@pytest.mark.cluster
def test_workers_that_die_each_time_are_one_clear_error(stages: ModuleType, tmp_path: Path) -> None:
    with Job.open(open_storage(tmp_path), {}, executor=Processes(1)) as job:
        with pytest.raises(RunBroken, match=r"dying, part 7: worker processes died 3 times, probably out of mem"):
            job.run([Task("dying", 7, stages.always_dies)])
        assert job.run([Task("after", 0, stages.nothing)]) == [None]


@pytest.mark.parametrize(
    "executor",
    [pytest.param(Here(), id="here"), pytest.param(Processes(2), id="processes", marks=pytest.mark.cluster)],
)
def test_a_tasks_own_error_comes_through_with_its_stage_and_part(
    stages: ModuleType, tmp_path: Path, executor: Here | Processes
) -> None:
    tasks = [Task("read", part, stages.refuses, parameters={"part": part, "bad": 3}) for part in range(40)]
    with Job.open(open_storage(tmp_path), {}, executor=executor) as job:
        with pytest.raises(DataError, match=r"^the file pairs-3.jsonl cannot be read\n\(in read, part 3\)$"):
            job.run(tasks)
        assert job.storage.find("read", 39) is None


def test_a_programming_error_names_stage_part_and_its_last_lines(stages: ModuleType, tmp_path: Path) -> None:
    with (
        Job.open(open_storage(tmp_path), {}, executor=Here()) as job,
        pytest.raises(RunBroken, match=r"(?s)^paint, part 1 failed\n.*stumbles.*KeyError: 'colour'$"),
    ):
        job.run([Task("paint", 1, stages.stumbles)])


@pytest.mark.cluster
def test_answers_come_back_in_order_and_leave_nothing(stages: ModuleType, tmp_path: Path) -> None:
    with Job.open(open_storage(tmp_path), {}, executor=Processes(2)) as job:
        (first, _, _) = stages.chain(4, str(tmp_path))
        answers = job.ask(first)
        assert [answer.note["first"] for answer in answers] == [0, 40, 80, 120]
        assert [answer.tables["numbers"].height for answer in answers] == [40] * 4
        assert job.storage.find("numbers", 0) is None


_DRIVER = """
import sys, time
from tuneworth.curate import Processes
from tuneworth.curate import open_storage
from tuneworth.curate import Job
import chain_stages
if __name__ == "__main__":
    with Job.open(open_storage(sys.argv[1] + "/store"), {}, executor=Processes(2)) as job:
        job.run(chain_stages.chain(2, sys.argv[1], pause=600.0)[0])
"""


@pytest.mark.cluster
def test_workers_end_with_a_killed_driver(stages: ModuleType, tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(_DRIVER)
    driver = subprocess.Popen([sys.executable, script, tmp_path])
    logs = [tmp_path / "numbers-0", tmp_path / "numbers-1"]
    while not all(log.exists() and log.read_text() for log in logs):
        assert driver.poll() is None
        time.sleep(0.05)
    workers = [int(log.read_text()) for log in logs]
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    while any(Path(f"/proc/{worker}").exists() and _runs(worker) for worker in workers):
        time.sleep(0.05)
    assert not any(_runs(worker) for worker in workers)


def _runs(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
