"""Lines that are appended whole, whatever was left of the line before them and whatever the disk takes."""

import errno
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import append_lines

LINE = b'{"n": 1}\n'


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
def test_what_stood_there_is_kept_and_a_torn_line_is_not(before, after, tmp_path):
    file = tmp_path / "lines.jsonl"
    if before is not None:
        file.write_bytes(before)
    append_lines(file, LINE, sync=True)
    assert file.read_bytes() == after


@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_kill_at_any_byte_loses_no_line_before_it(tmp_path_factory, tail, at):
    file = tmp_path_factory.mktemp("lines") / "lines.jsonl"
    whole = LINE * 3
    file.write_bytes(whole + tail[:at].replace(b"\n", b""))
    append_lines(file, LINE)
    assert file.read_bytes().startswith(whole)
    assert file.read_bytes().endswith(b"\n" + LINE)


def test_what_the_disk_cuts_short_is_taken_back(tmp_path, monkeypatch):
    file = tmp_path / "lines.jsonl"
    file.write_bytes(LINE)

    class Full(io.FileIO):
        def write(self, data):
            if len(data) < len(LINE):
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(bytes(data)[:4])

    monkeypatch.setattr("pathlib.Path.open", lambda path, mode, **more: Full(path, mode.replace("b", "")))
    with pytest.raises(OSError, match="No space left"):
        append_lines(file, LINE)
    assert file.read_bytes() == LINE
