"""Locks between processes: one holder at a time, a bounded wait, and a message that names the holder."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tuneworth.core import Locked, alone, appending, is_locked, writing
from tuneworth.core.disk import appending as locks

HOLDS = """
import sys
from pathlib import Path
from tuneworth.core import alone

with alone(Path(sys.argv[1]), busy=""):
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    asked = [sys.executable, "-c", HOLDS, str(lock)]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "new" / ".lines.jsonl.lock"


def test_the_wait_ends_and_the_message_names_the_process_that_holds_it(lock):
    with held(lock) as other:
        assert is_locked(lock)
        with pytest.raises(Locked) as found, alone(lock, busy="The file is in use.", patience=0.1):
            pass
        said = str(found.value).splitlines()
        assert said[0] == "The file is in use."
        assert f"(process {other.pid} on {os.uname().nodename}, since 20" in said[1]
        assert said[1].endswith("UTC). Wait for it or stop it, then try again.")
        assert (found.value.exit_code, len(said)) == (2, 2)


def test_a_killed_process_holds_no_lock(lock):
    with held(lock) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert not is_locked(lock)
        with alone(lock, busy="", patience=0):
            assert is_locked(lock)
    assert not is_locked(lock)


def test_an_error_in_the_block_releases_the_lock(lock):
    with pytest.raises(KeyError), alone(lock, busy=""):
        raise KeyError
    assert not is_locked(lock)


@pytest.mark.parametrize("entry", [writing, appending])
def test_a_link_and_its_file_have_one_lock(entry: Callable, tmp_path):
    file, link = tmp_path / "lines.jsonl", tmp_path / "folder" / "link.jsonl"
    link.parent.mkdir()
    link.symlink_to(file)
    with (
        entry(link),
        pytest.raises(Locked, match=r"lines.jsonl is being written by another process"),
        entry(file, patience=0),
    ):
        pass
    assert [path.name for path in link.parent.iterdir()] == ["link.jsonl"]


@pytest.mark.parametrize("note", ["4711\nhost\n", "half of a charac\xff"])
def test_a_foreign_lock_file_is_not_changed(note, lock):
    """Where a network's disk has no locks, filelock keeps its own marker in the file."""
    lock.parent.mkdir()
    lock.write_bytes(note.encode("latin-1"))
    locks._sign(lock)
    assert lock.read_bytes() == note.encode("latin-1")
    assert locks._holder(lock) == "an unknown process"
