"""The result of a prompt search as a variant of a run."""

from collections.abc import Sequence
from pathlib import Path

from ..evaluate import SEARCHED, Variant, read_searched, searched_variant
from .run import Run

__all__ = ["searched_of"]


def searched_of(run: Run, variants: Sequence[Variant]) -> Variant | None:
    """The variant `searched`, by the search in the run's folder, else by that of the project's newest run with one.

    The search of another run counts only if it saw no pair that is a test pair here. None without a search, or if
    `rivals` excludes it.
    """
    rivals = run.project.evaluate.rivals
    if rivals == "none" or (isinstance(rivals, tuple) and SEARCHED not in rivals):
        return None
    own = searched_variant(run.folder, variants, run.train)
    return own or next(filter(None, (searched_variant(f, variants, run.train) for f in _other_searches(run))), None)


def _other_searches(run: Run) -> list[Path]:
    """The folders of other runs whose searches saw no test pair of this one, the newest first."""
    tested = set(run.test["id"])
    others = sorted((f for f in run.folder.resolve().parent.iterdir() if f != run.folder.resolve()), reverse=True)
    return [f for f in others if (found := read_searched(f)) and tested.isdisjoint(found["used"])]
