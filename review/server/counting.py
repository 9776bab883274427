"""What a new `curate` would give, counted beside the page after each decision."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ...core import ConfigError, TuneworthError, say
from ...curate import Override

if TYPE_CHECKING:
    from ...curate import Recount
    from ...project import Run

MOST_ROWS = 200_000  # of which the texts stay in memory, some gigabytes for more


class Counting:
    """Counts in a thread of its own, from `start` on. Decisions that come while it counts are counted next, all at once."""

    def __init__(self, run: "Run", decisions: Callable[[], Sequence[Override]], *, allow_code: bool) -> None:
        self._run, self._decisions, self._allow_code = run, decisions, allow_code
        self._lock = threading.Lock()
        self._wanted, self._closed, self._started = threading.Event(), False, False
        state = ("counting", "") if run.curation else ("off", "this run was not curated")
        before = {name: run.curation.get(name) for name in ("rows_read", "outcomes", "rules", "splits")}
        self._state: dict[str, Any] = {
            "state": state[0], "why": state[1], "before": before, "after": None, "seconds": None
        }  # fmt: skip

    @property
    def state(self) -> dict[str, Any]:
        """`state` (counting, ready, or off and `why`), the counts of the run `before` and `after` the decisions so far."""
        return self._state

    def start(self) -> None:
        """Begin, if that has not been done: what is shown comes first, as both need the processor."""
        if not self._started:
            self._started = True
            self.again()
            threading.Thread(target=self._count, daemon=True, name="counting").start()

    def again(self) -> None:
        """Count again: there are other decisions."""
        self._wanted.set()
        if self._state["state"] == "ready":
            self._set(state="counting")

    def close(self) -> None:
        """Stop after what is being counted."""
        self._closed = True
        self._wanted.set()

    def _count(self) -> None:
        recount = self._trying(self._opened)
        while recount is not None and self._wanted.wait() and not self._closed:
            self._wanted.clear()
            self._set(state="counting")
            self._trying(lambda recount=recount: self._counted(recount))

    def _opened(self) -> "Recount":
        from ...project import open_recount

        rows = self._state["before"]["rows_read"] or 0
        if rows > MOST_ROWS:
            raise ConfigError(
                f"{say.count(rows, 'row')} are too many to count after each decision; curate again to see the counts"
            )
        return open_recount(self._run, allow_code=self._allow_code)

    def _counted(self, recount: "Recount") -> None:
        start = perf_counter()
        after = asdict(recount.counts(self._decisions()))
        state = "counting" if self._wanted.is_set() else "ready"
        self._set(state=state, why="", after=after, seconds=perf_counter() - start)

    def _trying(self, work: Callable[[], Any]) -> Any:
        """The result of the work; without one, the reason in the state. Everything else goes on without the counts."""
        try:
            return work()
        except TuneworthError as error:
            self._set(state="off", why=str(error), after=None)
        except Exception as error:
            why = f"the counts stopped at an unexpected error: {type(error).__name__}: {error}"
            self._set(state="off", why=why, after=None)
        return None

    def _set(self, **changed: Any) -> None:
        with self._lock:
            self._state = {**self._state, **changed}
