"""Lines are appended completely or not at all, whatever a kill or the disk left of the line before."""

import errno
import io
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import appending

LINE = b'{"n": 1}\n'


def append(file: Path) -> None:
    with appending(file) as lines:
        lines.add(LINE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, LINE),
        (b"", LINE),
        (b'{"n": 0}\n', b'{"n": 0}\n' + LINE),
        (b'{"n": 0}', b'{"n": 0}\n' + LINE),  # it lacks its line feed alone
        (b'{"n": 0}\n{"n": ', b'{"n": 0}\n' + LINE),
        (b'{"n": ', LINE),
        (b"[" * 200_000, LINE),
    ],
)
def test_earlier_lines_are_kept_and_a_torn_one_is_removed(before, after, tmp_path):
    file = tmp_path / "lines.jsonl"
    if before is not None:
        file.write_bytes(before)
    append(file)
    assert file.read_bytes() == after


@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_kill_at_any_byte_loses_no_line_before_it(tmp_path_factory, tail, at):
    file = tmp_path_factory.mktemp("lines") / "lines.jsonl"
    whole = LINE * 3
    file.write_bytes(whole + tail[:at].replace(b"\n", b""))
    append(file)
    assert file.read_bytes().startswith(whole)
    assert file.read_bytes().endswith(b"\n" + LINE)


def test_a_write_that_the_disk_cuts_short_is_undone(tmp_path, monkeypatch):
    file = tmp_path / "lines.jsonl"
    file.write_bytes(LINE)

    class Full(io.FileIO):
        def write(self, data):
            if len(data) < len(LINE):
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(bytes(data)[:4])

    with appending(file) as lines, monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.open", lambda path, mode, **more: Full(path, mode.replace("b", "")))
        with pytest.raises(OSError, match="No space left"):
            lines.add(LINE)
    assert file.read_bytes() == LINE


@pytest.fixture
def synced(monkeypatch):
    """What was synced, as (is it a folder, bytes in it)."""
    seen, plain = [], os.fsync

    def sync(file):
        found = os.fstat(file)
        seen.append((stat.S_ISDIR(found.st_mode), 0 if stat.S_ISDIR(found.st_mode) else found.st_size))
        plain(file)

    monkeypatch.setattr("os.fsync", sync)
    return seen


def test_lines_and_the_name_of_a_new_file_are_on_the_disk_when_add_returns(tmp_path, synced):
    with appending(tmp_path / "lines.jsonl") as lines:
        lines.add(LINE)
        assert synced == [(False, len(LINE)), (True, 0)]
        lines.add(LINE)
    assert synced[2:] == [(False, 2 * len(LINE))]


def test_lines_that_may_wait_are_on_the_disk_at_the_end_of_the_block(tmp_path, synced):
    with appending(tmp_path / "lines.jsonl") as lines:
        lines.add(LINE, sync=False)
        lines.add(LINE, sync=False)
        assert synced == []
    assert synced == [(False, 2 * len(LINE)), (True, 0)]


def test_a_linked_file_stays_a_link(tmp_path):
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "lines.jsonl")
    append(tmp_path / "link.jsonl")
    assert (tmp_path / "lines.jsonl").read_bytes() == LINE
    assert (tmp_path / "link.jsonl").is_symlink()


@pytest.mark.slow
def test_writers_that_append_at_once_lose_no_line(tmp_path):
    with ThreadPoolExecutor(6) as writers:
        list(writers.map(append, [tmp_path / "lines.jsonl"] * 60))
    assert (tmp_path / "lines.jsonl").read_bytes() == LINE * 60
