"""The executor that the others are compared with."""

from collections.abc import Iterator, Sequence

from tuneworth.curate.parts.storage import Done, Storage
from tuneworth.curate.parts.tasks import Result, Task, carry_out


class Here:
    """Runs tasks one after another in this process."""

    workers = 1

    def prepare(self, storage: Storage) -> None:
        """Nothing to check: this process is the only worker."""

    def carry_out(self, storage: Storage, tasks: Sequence[Task], *, store: bool) -> Iterator[tuple[int, Done | Result]]:
        """Run the tasks in order."""
        for at, task in enumerate(tasks):
            yield at, carry_out(storage, task, store=store)

    def close(self) -> None:
        """Nothing was started."""
