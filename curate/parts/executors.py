"""An executor for tasks: a pool of processes on this machine. Ray is in `ray.py`."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import parent_process
from multiprocessing.connection import wait as wait_for

from ...core import RunBroken, spawning, withheld_keys
from .storage import Done, Storage
from .tasks import Result, Task, carry_out

# Polars and the BLAS libraries read these when they load: with a worker per core, each has one thread.
_POOLS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
# The C library reads these: it returns large arrays to the system instead of keeping them for the worker.
# Smaller thresholds freed little more memory and took a fifth more time.
RETURN_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(16 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20), "MALLOC_ARENA_MAX": "2",
}  # fmt: skip
ONE_THREAD: dict[str, str] = dict.fromkeys(_POOLS, "1") | RETURN_MEMORY
_AHEAD = 2  # tasks handed out per worker: one runs, one waits
_TRIES = 3


class Processes:
    """Runs tasks in a pool of processes on this machine; replaces workers that die and retries their tasks."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, found {workers}")
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def prepare(self, storage: Storage) -> None:
        """Nothing to check: the workers are on this machine."""

    def carry_out(self, storage: Storage, tasks: Sequence[Task], *, store: bool) -> Iterator[tuple[int, Done | Result]]:
        """Results in order of completion; at most two tasks per worker are submitted at a time.

        Raises: RunBroken if workers die three times on the same task.
        """
        waiting, tries = list(range(len(tasks)))[::-1], [0] * len(tasks)
        running: dict[Future[Done | Result], int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < _AHEAD * self.workers:
                    at = waiting.pop()
                    running[self._submit(storage, tasks[at], store)] = at
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                lost = []
                for future in sorted(ended, key=running.__getitem__):
                    at = running.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        lost.append(at)
                    else:
                        yield at, future.result()
                if lost:
                    lost += running.values()
                    running.clear()
                    waiting += self._again(tasks, sorted(lost, reverse=True), tries)
        finally:
            for future in running:
                future.cancel()
            if running:  # interrupted: running tasks are abandoned
                self.close()

    def close(self) -> None:
        """End the pool's processes; a running task is abandoned."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        workers = list((pool._processes or {}).values())
        for worker in workers:
            worker.terminate()
        pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, storage: Storage, task: Task, store: bool) -> Future[Done | Result]:
        inherited = {**(ONE_THREAD if self.workers > 1 else RETURN_MEMORY), **withheld_keys()}
        try:
            with spawning(inherited) as context:  # polars' threads do not survive a fork; a submit may start a process
                if self._pool is None:
                    self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_end_with_parent)
                return self._pool.submit(carry_out, storage, task, store=store)
        except BrokenProcessPool as error:
            future: Future[Done | Result] = Future()
            future.set_exception(error)
            return future

    def _again(self, tasks: Sequence[Task], lost: Sequence[int], tries: list[int]) -> Sequence[int]:
        """Resubmit the tasks lost with a dead worker to a new pool."""
        self.close()
        for at in lost:
            tries[at] += 1
        worst = max(lost, key=lambda at: (tries[at], -at))
        if tries[worst] >= _TRIES:
            task = tasks[worst]
            raise RunBroken(
                f"{task.stage}, part {task.part}: worker processes died {_TRIES} times, probably out of memory\n"
                "Raise [cluster] partitions, for smaller parts, or lower workers, for more memory each. "
                "Finished parts are kept: run the same command to resume."
            )
        return lost


def _end_with_parent() -> None:
    """End a worker of the pool with its driver, even a killed one; otherwise it would wait for tasks forever."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_end, args=(parent.sentinel,), name="parent", daemon=True).start()


def _wait_and_end(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)
