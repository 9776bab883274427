"""One run as the workbench has it open: its queue, its decisions, its style and its judgements."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..curate import DecisionLog, Override
from .items import KindCount
from .queue import Queue

if TYPE_CHECKING:
    from ..project import Run

__all__ = ["Opened", "open_reviewed"]


def open_reviewed(path: Path, *, allow_code: bool) -> "Run":
    """The run at a path, as `Run` finds it; `python` checks of its project's style may run with `allow_code`.

    Raises: DataError if there is no run; ConfigError if its project has errors.
    """
    from ..project import PROJECT_FILE, Run, read_project

    run = Run(path)
    home = run.folder.resolve().parent.parent
    if not (home / PROJECT_FILE).is_file():
        return run
    return Run(run.folder, project=read_project(home, allow_code=allow_code))


class Opened:
    """A run with all that reads it. A run that was curated again in its folder is another one."""

    def __init__(self, run: "Run") -> None:
        from ..project import decisions_file

        self.run = run
        self.stamp = self._stamp()
        self.queue = Queue(run)
        self.log = DecisionLog(decisions_file(run.folder))
        self._counted: tuple[str, tuple[KindCount, ...]] | None = None

    @property
    def name(self) -> str:
        """The name of its project, or of its file of pairs."""
        return str(self.run.facts.get("project") or self.run.name)

    @property
    def outdated(self) -> bool:
        """Whether the run was curated again in its folder."""
        return self._stamp() != self.stamp

    def counts(self, latest: Mapping[str, Override]) -> tuple[KindCount, ...]:
        """The kinds of the queue with their counts, which change by decisions, or while rows are tried for a repair."""
        version, known = self.log.version, self._counted
        if known is None or known[0] != version or not all(kind.exact for kind in known[1]):
            self._counted = known = version, tuple(self.queue.counts(latest))
        return known[1]

    def prepare(self) -> None:
        """Find in a thread what takes long: which rejected rows a repair would make acceptable."""
        threading.Thread(target=self.queue.measure, daemon=True, name="repairs").start()

    def _stamp(self) -> tuple[int, int, int]:
        try:
            stat = (self.run.folder / "curate" / "summary.json").stat()
        except OSError:
            return 0, 0, 0
        return stat.st_ino, stat.st_mtime_ns, stat.st_size
