"""Out of memory: noticed in each of its forms, and told by a parent where a library ends the process."""

import errno
import os
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


# Sets a limit that leaves room for the library of OpenBLAS, but not for its first buffer.
LOAD_OPENBLAS = """
import resource, sys, types
import numpy, scipy, tuneworth.core
from tuneworth.core import code_of_child

sys.modules["scipy.linalg"] = parent = types.ModuleType("scipy.linalg")  # whose other modules take memory, too
parent.__path__ = [scipy.__path__[0] + "/linalg"]
size = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmSize"))
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[1]),) * 2)
sys.exit(code_of_child(lambda: __import__("scipy.linalg._fblas") and 0))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("left", "code", "said"), [(55 << 20, 3, OUT_OF_MEMORY + "\n"), (200 << 20, 0, "")])
def test_openblas_is_loaded_only_if_its_buffers_fit(left: int, code: int, said: str) -> None:
    """OpenBLAS 0.3.30 asks for its buffer for ever, on a whole core."""
    asked = [sys.executable, "-c", LOAD_OPENBLAS, str(left)]
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(asked, capture_output=True, text=True, check=False, env=alone, timeout=60)
    assert (done.returncode, done.stderr) == (code, said)


# A child whose main thread waits for another one, beside one that keeps watch, as the one that reports progress.
WAIT = """
import select, socket, subprocess, sys, threading, time
from tuneworth.core import code_of_child

def lock():
    twice = threading.Lock()
    twice.acquire(), twice.acquire()

def sleep(): time.sleep(5)
def listen(): select.select([socket.socketpair()[0]], [], [], 5)
def run(): subprocess.run([sys.executable, "-c", "import time; time.sleep(5)"])

def poll():
    poll, pair = select.epoll(), socket.socketpair()
    poll.register(pair[0], select.EPOLLIN)
    threading.Timer(5, lambda: pair[1].send(b"x")).start()
    poll.poll()

def calculate():
    end = time.monotonic() + 5
    while time.monotonic() < end: pass

def watch():
    while True: threading.Event().wait(0.5)

def work():
    threading.Thread(target=watch, daemon=True).start()
    other = threading.Thread(target=globals()[sys.argv[1]], daemon=True)
    other.start()
    other.join()
    return 0

sys.exit(code_of_child(work, patience=2))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows what a thread waits for")
@pytest.mark.parametrize(
    ("does", "code"), [("lock", 3), ("sleep", 0), ("listen", 0), ("poll", 0), ("run", 0), ("calculate", 0)]
)
def test_a_child_is_ended_only_if_none_of_its_threads_can_go_on(does: str, code: int) -> None:
    done = subprocess.run([sys.executable, "-c", WAIT, does], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (code, OUT_OF_MEMORY + "\n" if code else "")


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
