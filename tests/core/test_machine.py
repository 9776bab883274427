"""Facts that a machine reports, and what happens where it does not."""

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tuneworth.core import (  # fmt: skip
    allowed_cores,
    has_ended,
    machine,
    machine_memory,
    peak_bytes,
    processor_name,
    sync_folder,
    user_name,
    write_whole,
)
from tuneworth.core.disk import files


def no_kill(process: int, number: int) -> None:
    raise AssertionError(f"os.kill({process}, {number}) ends that process on Windows")


def test_an_ended_process_is_distinguished_from_a_running_one() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    assert has_ended(int(done.stdout)) is True
    assert has_ended(os.getpid()) is False
    assert has_ended(1) is False  # also where it belongs to somebody else
    assert has_ended(10**30) is False


def test_no_signal_is_sent_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "os", SimpleNamespace(name="nt", kill=no_kill))
    assert has_ended(os.getpid()) is None


def test_where_processes_cannot_be_checked_leftovers_go_by_their_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "has_ended", lambda process: None)
    old, new = (tmp_path / f".a.txt.{files._MACHINE}.1.{mark}.part" for mark in ("0000", "1111"))
    for left in (old, new):
        left.touch()
    os.utime(old, (0, time.time() - 2 * files._DEAD))
    write_whole(tmp_path / "a.txt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [new.name, "a.txt"]


def test_a_file_that_is_open_elsewhere_is_replaced_once_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Windows does: it refuses while a virus scanner has the file open."""
    is_open, replace = threading.Event(), Path.replace
    is_open.set()

    def refuse(path: Path, target: Path) -> Path:
        if is_open.is_set():
            is_open.clear()
            raise PermissionError(errno.EACCES, "The process cannot access the file", str(target))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):  # elsewhere, a refusal stays one
        write_whole(tmp_path / "a.txt", "one")
    assert list(tmp_path.iterdir()) == []
    is_open.set()
    monkeypatch.setattr(files, "_WAITS", (0.0,))
    write_whole(tmp_path / "a.txt", "two")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "two"


def test_the_machine_is_described() -> None:
    assert 1 <= allowed_cores() <= (os.cpu_count() or 1)
    assert (machine_memory() or 0) > 10**8
    assert processor_name()
    assert (peak_bytes() or 0) > 10**7


def test_a_machine_that_reports_nothing_is_described_as_far_as_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_STATUS", "_RESET", "_PROCESSOR"):
        monkeypatch.setattr(machine, name, tmp_path / "missing")
    for name in ("sched_getaffinity", "sysconf", "O_DIRECTORY"):
        monkeypatch.delattr(os, name, raising=False)
    for name in ("pwd", "resource"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    machine.reset_peak()
    sync_folder(tmp_path / "missing")
    assert allowed_cores() == os.cpu_count()
    assert (machine_memory(), peak_bytes(), user_name()) == (None, None, "")
    assert processor_name()


def test_a_disk_that_cannot_sync_folders_is_accepted_and_one_that_fails_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code, passes in ((errno.EINVAL, True), (errno.EIO, False)):

        def refuse(file: int, code: int = code) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", refuse)
        if passes:
            sync_folder(tmp_path)
        else:
            with pytest.raises(OSError, match="Input/output error"):
                sync_folder(tmp_path)
