"""What was confirmed as decided stays: beside fifty other writers, after kills, on a full disk."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tuneworth.core import RunBroken
from tuneworth.curate import DecisionLog, Override, read_overrides


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "overrides.jsonl"


def keep(id: str, when: str = "", who: str = "Ada") -> Override:
    return Override(id=id, decision="keep", when=when, who=who)


# --- many at once --------------------------------------------------------------------------------------------------

# Forks writers, for fifty that each load the packages would take half a minute.
WRITERS = """
import os, sys
from pathlib import Path
from tuneworth.curate import DecisionLog, Override

def write(name, times):
    log = DecisionLog(Path(sys.argv[1]))
    for number in range(times):
        ids = [f"{name}-{number}-{part}" for part in range(1 + number % 3)]
        log.add([Override(id=id, decision="keep", who=name, when=str(number), why="w" * 300) for id in ids])
        lines = ["done " + " ".join(ids)]
        if number % 5 == 4:
            lines = [f"back {o.id}" for o in log.take_back(next(log.batches(name)))] + lines
        os.write(1, "".join(line + chr(10) for line in lines).encode())

name, writers, times = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
begin, go = os.pipe()
made = []
for number in range(writers):
    made.append(os.fork())
    if not made[-1]:
        os.close(go)
        os.read(begin, 1)  # all at once
        write(f"{name}-{number}", times)
        os._exit(0)
os.close(go)
sys.exit(any(os.waitpid(process, 0)[1] for process in made))
"""


def writers(file: Path, name: str, *, count: int, times: int) -> subprocess.Popen[str]:
    asked = [sys.executable, "-c", WRITERS, str(file), name, str(count), str(times)]
    return subprocess.Popen(
        asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )  # fmt: skip


@pytest.mark.slow
def test_fifty_processes_that_decide_at_once_leave_fifty_lines(file):
    at_work = writers(file, "w", count=50, times=1)
    assert (at_work.communicate()[1], at_work.returncode) == ("", 0)
    assert sorted(override.who for override in read_overrides(file)) == sorted(f"w-{n}" for n in range(50))
    assert len(file.read_text().splitlines()) == 50


@pytest.mark.slow
def test_threads_and_processes_that_decide_at_once_lose_nothing(file):
    at_work = writers(file, "w", count=3, times=9)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: DecisionLog(file).add([keep(f"thread {n}")]), range(40)))
    confirmed, back = told(at_work.communicate()[0])
    left = sorted({*confirmed, *(f"thread {n}" for n in range(40))} - back)
    assert (len(back), sorted(override.id for override in read_overrides(file))) == (3 * 2, left)


def told(text: str) -> tuple[set[str], set[str]]:
    """The ids that writers said to be saved, and those that they took back."""
    lines = [line.split() for line in text.splitlines()]
    done, back = ([line[1:] for line in lines if line[0] == word] for word in ("done", "back"))
    return {id for ids in done for id in ids}, {id for ids in back for id in ids}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_writers_killed_at_any_moment_lose_no_line_that_they_confirmed(file, seed):
    chance, confirmed, back = random.Random(seed), set(), set()
    for life in range(4):
        at_work = writers(file, str(life), count=2, times=100_000)
        first = at_work.stdout.readline()  # they are at work
        time.sleep(chance.random() / 10)
        os.killpg(at_work.pid, signal.SIGKILL)
        done, taken = told(first + at_work.communicate()[0])
        confirmed, back = confirmed | done, back | taken
        log = DecisionLog(file)
        log.recover()
        assert confirmed - back <= {override.id for override in log.read()}
        for batch in log.batches():
            assert len(batch.decisions) == 1 + int(batch.when) % 3  # each whole or not at all
    assert len(confirmed) >= 4  # of each life


LARGE = """
import sys
from pathlib import Path
from tuneworth.curate import DecisionLog, Override

log = DecisionLog(Path(sys.argv[1]))
made = [Override(id=f"{sys.argv[2]}-{n}", decision="keep", when=sys.argv[2], why="w" * 900) for n in range(6_000)]
if sys.argv[2] == "back":
    first = list(log.batches())[-1]
    print("ready", flush=True)
    log.take_back(first)
else:
    print("ready", flush=True)
    log.add(made)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["add", "back"])
def test_a_large_change_that_is_killed_in_its_midst_is_made_whole_or_not_at_all(file, what):
    log = DecisionLog(file)
    first = [Override(id=f"first-{n}", decision="keep", when="1", why="w" * 900) for n in range(2)]
    others = [Override(id=f"other-{n}", decision="keep", when="2", why="w" * 900) for n in range(6_000)]
    log.add([*first, *others])
    for _ in range(3):
        size, names = file.stat().st_size, set(file.parent.iterdir())
        asked = [sys.executable, "-c", LARGE, str(file), what]
        with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            while process.poll() is None and file.stat().st_size == size and set(file.parent.iterdir()) <= names:
                pass  # until it writes
            process.kill()
        log.recover()
        found = Counter(override.when for override in log.read())
        assert (found["2"], found["1"] in (0, 2), found["add"] % 6_000) == (6_000, True, 0)
        if not found["1"]:
            log.take_back()
            log.add([*first, *others])


# --- a disk that refuses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("several", [1, 40])
@pytest.mark.parametrize("room", [0, 1, 30, 4000])
def test_a_full_disk_leaves_the_file_as_it_was_and_says_so(file, several, room):
    log = DecisionLog(file)
    log.add([keep("a", "1"), keep("b", "1")])
    was, limits = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    made = [Override(id=f"c{n}", decision="keep", why="w" * 5000) for n in range(several)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(was) + room, limits[1]))
    try:
        with pytest.raises(RunBroken, match=r"not saved: .*overrides.jsonl cannot be written \(File too large\)"):
            log.add(made)
        assert file.read_bytes() == was
        assert len(log.take_back()) == 2  # what makes the file smaller needs no room
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.add(made)
    assert log.read() == tuple(made)


def test_a_full_disk_leaves_no_new_file(file):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(RunBroken, match="not saved"):
            DecisionLog(file).add([keep("a")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not file.exists()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB; only some users may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    asked = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_runs_full_keeps_all_that_was_confirmed(small_disk):
    file = small_disk / "overrides.jsonl"
    log, confirmed = DecisionLog(file), []

    def fill():
        for n in range(10_000):
            made = [
                Override(id=f"{n}-{part}", decision="keep", when=str(n), why="w" * 400) for part in range(1 + n % 2)
            ]
            log.add(made)
            confirmed.extend(made)

    with pytest.raises(RunBroken, match="No space left on device"):
        fill()
    assert len(confirmed) > 50
    assert DecisionLog(file).read() == tuple(confirmed)
    assert (log.recover(), file.read_bytes().count(b"\n")) == ("", len(confirmed))
    last = log.take_back()
    assert last == tuple(o for o in confirmed if o.when == confirmed[-1].when)
