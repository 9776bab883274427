"""Errors that come from a lack of memory, whatever they say."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tuneworth.cli.failures import report_failure
from tuneworth.core import OUT_OF_MEMORY, ConfigError, RunBroken


def raised(error: Exception, cause: Exception) -> Exception:
    """An error with its cause, as `raise ... from ...` makes it."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (raised(ConfigError("no proxy"), OSError(errno.ENOMEM, "Cannot allocate memory")), 3, OUT_OF_MEMORY),
        (raised(ConfigError("no proxy"), raised(ValueError("no URL"), MemoryError())), 3, OUT_OF_MEMORY),
        (raised(ConfigError("no proxy"), ValueError("no URL")), 2, "tuneworth: no proxy"),
        (raised(RunBroken("step 1 ran out of memory"), MemoryError()), 3, "tuneworth: step 1 ran out of memory"),
    ],
)
def test_an_error_blames_the_input_only_if_memory_sufficed(error, code, said, capsys):
    assert (report_failure(error, debug=False), capsys.readouterr().err) == (code, said + "\n")


FAIL_WITHOUT_ROOM = """
import resource, sys
import polars  # what the report of an error imports
from tuneworth.cli.failures import report_failure

if sys.argv[1] == "limited":
    size = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmSize"))
    resource.setrlimit(resource.RLIMIT_AS, (size + (48 << 20),) * 2)
sys.exit(report_failure(SystemError("error return without exception set"), debug=False))
"""


@pytest.mark.slow
@pytest.mark.parametrize("limited", ["limited", "unlimited"])
def test_an_error_of_python_itself_is_lack_of_memory_only_at_the_limit(limited: str, tmp_path: Path) -> None:
    asked = [sys.executable, "-c", FAIL_WITHOUT_ROOM, limited]
    done = subprocess.run(
        asked, capture_output=True, text=True, check=False, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    assert done.returncode == 3
    assert (done.stderr == OUT_OF_MEMORY + "\n") is (limited == "limited")
    assert ("unexpected error" in done.stderr) is (limited != "limited")
