"""Out of memory: noticed in each of its forms, and told by a parent where a library ends the process."""

import errno
import signal
import subprocess
import sys

import pytest

from tuneworth.core import OUT_OF_MEMORY, is_out_of_memory

BEGIN = "import os, sys; from tuneworth.core import code_of_child; sys.exit(code_of_child(lambda: {}))"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOENT, "No such file"), False),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("another"), False),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("could not allocate memory"), True),
        (type("OutOfMemoryError", (RuntimeError,), {})("of a GPU"), True),
        (ImportError("libx.so: failed to map segment from shared object"), True),
        (ImportError("no module"), False),
        (NameError("name 'plr' is not defined", name="plr"), False),  # the library of polars can be loaded here
    ],
)
def test_running_out_of_memory_has_many_forms(error, expected):
    assert is_out_of_memory(error) is expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        ("0", 0, ""),
        ("4", 4, ""),
        ("sys.exit(2)", 2, ""),
        ("os.abort()", 3, OUT_OF_MEMORY + "\n"),
        ("os._exit(1)", 3, OUT_OF_MEMORY + "\n"),  # as OpenBLAS does, whose 1 is not that of a gate
        ("os.kill(os.getpid(), 15)", -15, ""),
        ("os.kill(os.getpid(), 9)", -9, ""),
    ],
)
def test_the_end_of_the_child_is_told_by_its_parent(work, code, said):
    done = subprocess.run([sys.executable, "-c", BEGIN.format(work)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.slow
def test_what_asks_the_parent_to_end_reaches_the_child():
    waits = "(print('ready', flush=True), signal.signal(15, lambda *_: sys.exit(5)), time.sleep(60))[2]"
    asked = [
        sys.executable,
        "-c",
        "import signal, time; " + BEGIN.format(f"signal.signal(15, lambda *_: sys.exit(5)) or {waits}"),
    ]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 5
