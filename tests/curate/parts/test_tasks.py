"""A job does what is not stored, in any order of tasks, and belongs to one driver at a time."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from types import ModuleType

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tuneworth.core import Progress, RunBroken
from tuneworth.curate import Job, open_storage
from tuneworth.curate.each import in_turn
from tuneworth.curate.parts.storage import Done, Storage
from tuneworth.curate.parts.tasks import Result, Table, Task, carry_out

from .here import Here


class Shuffled(Here):
    """Tasks that end in a random order."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def carry_out(self, storage: Storage, tasks: Sequence[Task], *, store: bool) -> Iterator[tuple[int, Done | Result]]:
        for at in self._random.sample(range(len(tasks)), len(tasks)):
            yield at, carry_out(storage, tasks[at], store=store)


def test_a_job_behind_a_url_gives_the_same(stages: ModuleType, tmp_path: Path) -> None:
    with Job.open(open_storage(f"memory://{tmp_path}"), {}, executor=Here()) as job:
        assert [job.run(tasks) for tasks in stages.chain(4, str(tmp_path))] == stages.expected(4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_order_in_which_tasks_end_changes_nothing(stages: ModuleType, tmp_path: Path, seed: int) -> None:
    with Job.open(open_storage(tmp_path / "store"), {}, executor=Shuffled(seed)) as job:
        assert [job.run(tasks) for tasks in stages.chain(7, str(tmp_path))] == stages.expected(7)
        first = job.read([Table("numbers", part, "numbers") for part in range(7)], columns=["number"], bucket=3)
    assert first["number"].to_list() == [n for n in range(280) if n * 7 % 5 == 3]


def test_a_second_run_does_only_what_is_missing_and_says_so(stages: ModuleType, tmp_path: Path) -> None:
    said: list[str] = []
    tasks = stages.chain(4, str(tmp_path))[0]
    with Job.open(open_storage(tmp_path / "store"), {}, executor=Here()) as job:
        job.run(tasks[:3])
    with Job.open(open_storage(tmp_path / "store"), {}, executor=Here(), say=said.append) as job:
        assert job.run(tasks) == stages.expected(4)[0]
    assert [len((tmp_path / f"numbers-{part}").read_text().splitlines()) for part in range(4)] == [1, 1, 1, 1]
    assert said == [f"numbers: 4 of 4 parts (3 already done), 40 rows in {said[0].split(' in ')[1]}"]


def test_another_fingerprint_is_another_job(stages: ModuleType, tmp_path: Path) -> None:
    tasks = stages.chain(1, str(tmp_path))[0]
    for threshold in (0.8, 0.9):
        with Job.open(open_storage(tmp_path / "store"), {"threshold": threshold}, executor=Here()) as job:
            job.run(tasks)
            assert job.storage.read_json("fingerprint.json") == {"threshold": threshold}
    assert len((tmp_path / "numbers-0").read_text().splitlines()) == 2


def test_a_job_that_is_removed_leaves_nothing(stages: ModuleType, tmp_path: Path) -> None:
    with Job.open(open_storage(tmp_path / "store"), {}, executor=Here()) as job:
        job.run(stages.chain(2, str(tmp_path))[0])
        job.remove()
    assert list((tmp_path / "store").rglob("*.*")) == []


def test_tables_that_a_part_did_not_store_are_no_rows(stages: ModuleType, tmp_path: Path) -> None:
    rows = pl.DataFrame({"n": [1, 2]})
    with Job.open(open_storage(tmp_path), {}, executor=Here()) as job:
        job.storage.store("made", 0, {})
        job.storage.store("made", 1, {"rows": rows})
        job.storage.store("made", 2, {"rows": rows.clear(), "empty": pl.DataFrame()})
        stored = [Table("made", part, "rows") for part in range(3)]
        others = [Table("made", part, "others") for part in range(3)]
        assert job.read(stored).rows() == [(1,), (2,)]
        assert job.run([Task("outer", 0, stages.outer, {"rows": stored})]) == [["n"]]
        assert job.run([Task("outer", 1, stages.outer, {"rows": others})]) == [[]]
        assert job.read([Table("made", 2, "empty")]).width == 0


def test_each_part_gives_the_record_that_its_step_returns_and_is_done_once(stages: ModuleType, tmp_path: Path) -> None:
    texts = [pl.DataFrame({"n": [part, 7], "text": ["ö" * part, None]}) for part in range(3)]
    parts = [{"texts": table, "log": str(tmp_path)} for table in texts]
    expected = in_turn("measured", stages.measured, parts)
    for _ in range(2):
        with Job.open(open_storage(tmp_path / "store"), {}, executor=Here()) as job:
            found = job.each("measured", stages.measured, parts, numbers=[0, 1, 2])
            again = job.each("again", stages.measured, [{"texts": found[2].texts, "log": str(tmp_path)}])
            for one, other in zip([*found, *again], [*expected, expected[2]], strict=True):
                assert_frame_equal(one.texts.read(), other.texts.read())
                assert one.texts.read(["text"]).columns == ["text"]
                assert_frame_equal(one.numbers, other.numbers)
                assert_frame_equal(one.inner.counts, other.inner.counts)
                assert (one.inner.words, one.names, one.rest) == ({"a": 1}, ("x", "y"), None)
    assert len((tmp_path / "measured").read_text().splitlines()) == 3 + 4  # in turn, and once for each part of the job


def test_a_part_whose_column_is_all_null_takes_the_type_of_the_others(tmp_path: Path) -> None:
    with Job.open(open_storage(tmp_path), {}, executor=Here()) as job:
        job.storage.store("made", 0, {"rows": pl.DataFrame({"group": [None]})})
        job.storage.store("made", 1, {"rows": pl.DataFrame({"group": ["a"]})})
        found = job.read([Table("made", part, "rows") for part in range(2)])
    assert found.schema == {"group": pl.String}


@pytest.mark.slow
def test_memory_is_known_by_stage_and_warned_of(stages: ModuleType, tmp_path: Path) -> None:
    tasks = [Task("heavy", part, stages.heavy, parameters={"size": size}) for part, size in enumerate([1, 4 * 10**8])]
    with Job.open(open_storage(tmp_path), {}, executor=Here()) as job:
        job.run(tasks)
        assert job.memory()["heavy"] > 4 * 10**8
        assert job.memory_warnings(None) == job.memory_warnings(10**12) == []
        (line,) = job.memory_warnings(4 * 10**8)
        job.run([Task("light", 0, stages.nothing)])
        assert job.memory()["light"] < job.memory()["heavy"] - 2 * 10**8  # each task is measured by itself
    assert line.startswith("heavy, part 1 used ")
    assert "more than memory_per_task (400 MB); raise partitions" in line


def test_a_second_driver_is_told_who_works_on_the_job(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    with (
        Job.open(storage, {}, executor=Here()) as job,
        pytest.raises(RunBroken, match=rf"another command is working on this job: process {os.getpid()} on "),
    ):
        Job.open(storage, {}, executor=Here())
    assert job.storage.read_json("lease.json") is None
    Job.open(storage, {}, executor=Here()).close()


def _lease(machine: str, process: int, age: float) -> dict[str, object]:
    return {"machine": machine, "process": process, "token": "other", "alive": time.time() - age}


def test_a_dead_drivers_lease_is_taken_over(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    here = platform.node()
    storage = open_storage(tmp_path)
    with Job.open(storage, {}, executor=Here()) as job:
        lease = tmp_path / job.storage.prefix / "lease.json"
    for left in (_lease(here, int(dead.stdout), 0), _lease("another", 1, 600), _lease(here, os.getpid(), 600)):
        lease.write_text(json.dumps(left))
        Job.open(storage, {}, executor=Here()).close()
        assert not lease.exists()
    lease.write_text(json.dumps(_lease("another", 1, 5)))
    with pytest.raises(RunBroken, match="process 1 on another"):
        Job.open(storage, {}, executor=Here())


def test_a_driver_whose_lease_was_taken_stops(stages: ModuleType, tmp_path: Path) -> None:
    with Job.open(open_storage(tmp_path), {}, executor=Here()) as job:
        job.storage.write_json("lease.json", _lease("another", 1, 0))
        with pytest.raises(RunBroken, match="another command took over this job"):
            job.run([Task("none", 0, stages.nothing)])
    assert job.storage.read_json("lease.json")["machine"] == "another"


def test_progress_says_rate_and_time_left_at_most_every_five_seconds() -> None:
    now, said = [0.0], []
    progress = Progress("signatures", 32, said.append, skipped=2, clock=lambda: now[0])
    for _ in range(10):
        now[0] += 1.0
        progress.ended(120_000)
    assert said == [
        "signatures: 7 of 32 parts, 600,000 rows, 120,000 rows/s, about 25 s left",
        "signatures: 12 of 32 parts, 1,200,000 rows, 120,000 rows/s, about 20 s left",
    ]
    progress.finish()
    assert said[2] == "signatures: 32 of 32 parts (2 already done), 1,200,000 rows in 10 s"


def test_a_stage_asked_for_again_says_nothing_new(stages: ModuleType, tmp_path: Path) -> None:
    said: list[str] = []
    tasks = stages.chain(2, str(tmp_path))[0]
    with Job.open(open_storage(tmp_path / "store"), {}, executor=Here(), say=said.append) as job:
        assert job.run(tasks) == job.run(tasks)
    assert len(said) == 1


def test_progress_names_a_stage_without_its_hash() -> None:
    said: list[str] = []
    Progress("search inputs 5f73eada-across-0.8", 2, said.append, skipped=2).finish()
    assert said == ["search inputs-across-0.8: 2 of 2 parts (2 already done)"]
