"""Commands as processes forked from one that has imported all that they need, so that a try takes no start-up time.

`python -m tests.faults.forked` is the process to fork from; `Forks` starts it and asks it for children.
"""

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from importlib import import_module
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any, Self

from .situation import Outcome, Situation

__all__ = ["HANGS", "KILLED", "LONGEST", "SINGLE_THREADED", "Forks"]

ROOT = Path(__file__).parents[2]
# One thread each: their stacks and pools are most of the address space that a process takes.
SINGLE_THREADED = dict.fromkeys(
    ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)
HANGS, KILLED = -1, -int(signal.SIGKILL)  # in place of an exit code
LONGEST = 300.0  # seconds for a command that takes a few on a quiet machine


class Forks:
    """Runs commands in children of one process, for the time of a `with` block; those with a model need `torch`.

    base: the bytes of address space that the process takes, and so each child from its start. seconds: of a core, that
    all children together took.
    """

    def __init__(self, *, torch: bool) -> None:
        self._words = [sys.executable, "-m", "tests.faults.forked", *(["torch"] if torch else [])]

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            cwd=ROOT, env=os.environ | SINGLE_THREADED, bufsize=0,  # `select` sees no buffer
        )  # fmt: skip
        self.base, self.seconds = self._number(), 0.0
        return self

    def __exit__(self, *_: object) -> None:
        with self._server:
            assert self._server.stdin is not None
            self._server.stdin.close()

    def run(
        self, situation: Situation, folder: Path, *, limit: int | None = None, kill_after: float | None = None
    ) -> Outcome:
        """Run the situation's command, within `limit` bytes of address space, or killed after so many seconds."""
        err = folder.parent / "stderr.txt"
        words = None if callable(situation.words) else situation.words
        asked = {
            "name": situation.name, "words": words, "folder": str(folder), "err": str(err), "limit": limit,
            "environment": {name: value for name, value in os.environ.items() if name.startswith("HOSTED")},
        }  # fmt: skip
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(asked).encode() + b"\n")
        child = self._number()
        took = self._number(kill_after or LONGEST)
        hangs = took is None and kill_after is None
        if took is None:
            os.killpg(child, signal.SIGKILL)  # the child has one of its own under a limit
            took = self._number()
        self.seconds += took / 1000
        code = self._number()
        return Outcome(HANGS if hangs else code, err.read_text(encoding="utf-8", errors="replace"))

    def peak(self, situation: Situation, folder: Path) -> tuple[int, float]:
        """The most bytes of address space that the whole command takes, and its seconds."""
        start = time.monotonic()
        done = self.run(situation, folder)
        assert done.code == 0, done.err
        return int(done.err.split()[-1]), time.monotonic() - start

    def _number(self, timeout: float = LONGEST) -> Any:
        """The next number that the process prints; None if it prints none in time."""
        out = self._server.stdout
        assert out is not None
        if not select.select([out], [], [], timeout)[0]:
            return None
        return int(out.readline())


def serve(*, torch: bool) -> None:
    """Import everything and print the size, then answer each line of JSON by a child: its id, milliseconds, exit code."""
    _import_all(torch=torch)
    acts = _acts()
    print(_status("VmSize"), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if (child := os.fork()) == 0:
            _become(asked, acts)
        os.setpgid(child, child)
        print(child, flush=True)
        _, status, usage = os.wait4(child, 0)
        print(round(1000 * (usage.ru_utime + usage.ru_stime)), flush=True)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _import_all(*, torch: bool) -> None:
    """All modules that can be imported, without those that need `torch` unless it is wanted.

    None of them may start threads, which a fork would lose.
    """
    if not torch:
        sys.meta_path.insert(0, _NoTorch())
    for folder in ("core", "style", "curate", "train", "evaluate", "reports", "project", "review", "cli"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.stem != "__main__":
                names = path.relative_to(ROOT).with_suffix("").parts
                _import(".".join(("tuneworth", *names)).removesuffix(".__init__"), torch=torch)
    for name in ("scipy.stats", "jinja2", "torch", "transformers", "peft"):
        _import(name, torch=torch)
    if not torch:
        del sys.meta_path[0]
    threads = [task.read_text(encoding="utf-8") for task in Path("/proc/self/task").glob("*/comm")]
    assert not any(name.startswith("polars-0") for name in threads), "a module uses polars while it is imported"


class _NoTorch(MetaPathFinder):
    """Refuses torch, and so what imports it."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname == "torch":
            raise ModuleNotFoundError("not wanted", name=fullname)


def _import(name: str, *, torch: bool) -> None:
    with nullcontext() if torch else suppress(ImportError):
        import_module(name)


def _acts() -> dict[str, Callable[[], int]]:
    """What stands for a command at the workbench, by the name of its situation."""
    from .workbench import AT_THE_WORKBENCH

    return {situation.name: situation.words for situation in AT_THE_WORKBENCH if callable(situation.words)}


def _become(asked: dict[str, Any], acts: dict[str, Callable[[], int]]) -> None:
    """Turn this process into the command."""
    from tuneworth.cli import main
    from tuneworth.core import code_of_child, is_limited
    from tuneworth.deploy import Pauses

    os.environ |= asked["environment"]
    Pauses.__init__.__defaults__ = (0.001, 0.001, 0.001, 0.001, 3, time.sleep)
    for number, path in enumerate((os.devnull, os.devnull, asked["err"])):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    os.chdir(asked["folder"])
    sys.argv[1:] = asked["words"] or []
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limit := asked["limit"]:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        if asked["words"]:
            main()
        act = acts[asked["name"]]
        sys.exit(code_of_child(act) if is_limited() else act())
    finally:
        if not limit:
            print(_status("VmPeak"), file=sys.stderr)


def _status(name: str) -> int:
    """A size of this process, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        serve(torch="torch" in sys.argv)
