"""A folder that appears whole: beside another writer, beside what a killed one left, and on a disk that refuses."""

import errno
import subprocess
import sys

import polars as pl
import pytest

from tuneworth.core import RunBroken, disk_refusal, disk_refusals, whole_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from tuneworth.core import whole_folder
with whole_folder(Path(sys.argv[1]), ("a",)) as part:
    (part / "a").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_two_writers_at_once_do_not_take_each_others_work_away(tmp_path):
    folder = tmp_path / "curate"
    with whole_folder(folder, ("a",)) as slow:
        with whole_folder(folder, ("a",)) as fast:
            (fast / "a").write_text("fast")
        assert (folder / "a").read_text() == "fast"
        (slow / "a").write_text("slow")
    assert (folder / "a").read_text() == "slow"
    assert [path.name for path in tmp_path.iterdir()] == ["curate"]


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path):
    folder = tmp_path / "curate"
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    with whole_folder(folder, ("a",)) as part:
        (part / "a").write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["curate"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EROFS, "x"), "Read-only file system"),
        (OSError("cannot (os error 28)"), "No space left on device"),
        (pl.exceptions.ComputeError("parquet: IO error: no space (os error 28)"), "No space left on device"),
        (OSError(errno.ENOENT, "x"), None),
        (pl.exceptions.ComputeError("a sum that is none"), None),
    ],
)
def test_what_a_disk_refuses_is_told_from_other_errors(error, said, tmp_path):
    assert disk_refusal(error) == said
    with pytest.raises(RunBroken if said else type(error)), disk_refusals(tmp_path):
        raise error
