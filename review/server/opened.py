"""One run as the workbench has it open: its queue, its decisions, its style and its judgements."""

import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ...core import ConfigError
from ...curate import DecisionLog, Override
from ...project import JUDGEMENTS
from ..queue.items import KindCount
from ..queue.queue import Queue
from .counting import Counting

if TYPE_CHECKING:
    from ...project import Run
    from ..judging.judging import Judging
    from ..style.desk import StyleDesk

_LATER = 1.0  # seconds after the start


def open_reviewed(path: Path, *, allow_code: bool) -> "Run":
    """The run at a path, as `Run` finds it; `python` checks of its project's style may run with `allow_code`.

    Raises: DataError if there is no run; ConfigError if its project has errors.
    """
    from ...project import PROJECT_FILE, Run, read_project

    run = Run(path)
    home = run.folder.resolve().parent.parent
    if not (home / PROJECT_FILE).is_file():
        return run
    return Run(run.folder, project=read_project(home, allow_code=allow_code))


class Opened:
    """A run with all that reads it. A run that was curated again in its folder is another one."""

    def __init__(self, run: "Run", *, allow_code: bool) -> None:
        from ...project import decisions_file

        self.run = run
        self.stamp = self._stamp()
        self.queue = Queue(run)
        self.log = DecisionLog(decisions_file(run.folder))
        self._allow_code = allow_code
        self.counting = Counting(run, self.log.read, allow_code=allow_code)
        self._later = threading.Timer(_LATER, self._prepare)
        self.counted = self.log.version  # the decisions that are counted or being counted
        self._counted: tuple[tuple[str, int], tuple[KindCount, ...]] | None = None

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
        seen, known = (self.log.version, self._judged()), self._counted
        if known is None or known[0] != seen or not all(kind.exact for kind in known[1]):
            self._counted = known = seen, self._count(latest)
        return known[1]

    def _count(self, latest: Mapping[str, Override]) -> tuple[KindCount, ...]:
        if self.run.curation:
            return tuple(self.queue.counts(latest))
        # A run of outputs from elsewhere has no rows to decide about, but people may have judged them differently.
        kind = "disagreement"
        total, left = (
            self.queue.entries(kind, latest, start=0, limit=0, left=waits).total for waits in (False, True)
        )  # fmt: skip
        return (KindCount(kind, total, left, total - left),) if total else ()

    def _judged(self) -> int:
        """Changes when somebody judges outputs: each file of judgements is rewritten."""
        try:
            return (self.run.folder / JUDGEMENTS).stat().st_mtime_ns
        except OSError:
            return 0

    @cached_property
    def style(self) -> "StyleDesk":
        """The style at the desk. Raises: ConfigError if no style file is known for the run, or it is not valid."""
        from ..style.desk import StyleDesk

        return StyleDesk(self.run, allow_code=self._allow_code)

    def keep_style(self, desk: "StyleDesk") -> None:
        """Go on with a style desk of this run, whose rules are counted already."""
        vars(self)["style"] = desk

    @cached_property
    def has_style(self) -> bool:
        """Whether there is a style to change."""
        try:
            return bool(self.style)
        except ConfigError:
            return False

    @cached_property
    def judging(self) -> "Judging":
        """The outputs to judge, if the run compared any."""
        from ..judging.judging import Judging

        return Judging(self.run)

    @property
    def has_judging(self) -> bool:
        """Whether there are outputs to judge; what reads them is imported only for a run that was evaluated."""
        return (self.run.folder / "results.json").is_file() and self.judging.possible

    def prepare(self) -> None:
        """Find in threads what takes long: rejected rows that a repair would make acceptable, and the counts.

        The first row is shown before, as both need the processor.
        """
        self._later.daemon = True
        self._later.start()

    def _prepare(self) -> None:
        if self.run.curation:
            self.queue.measure()
            self.counting.start()

    def close(self) -> None:
        """Stop what runs beside the page."""
        self._later.cancel()
        self.counting.close()

    def _stamp(self) -> tuple[int, int, int]:
        try:
            stat = (self.run.folder / "curate" / "summary.json").stat()
        except OSError:
            return 0, 0, 0
        return stat.st_ino, stat.st_mtime_ns, stat.st_size
