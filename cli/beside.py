"""The files beside a project that every run replays: decisions about rows, and where rows were placed."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Beside", "decisions_file"]

OVERRIDES, SPLITS = "overrides.jsonl", "splits.jsonl"


@dataclass(frozen=True)
class Beside:
    """Where decisions are read from, and where the placed rows are kept; None for nowhere."""

    overrides: Path | None = None
    splits: Path | None = None

    @classmethod
    def of_project(cls, folder: Path) -> "Beside":
        """The files beside a project file."""
        return cls(folder / OVERRIDES, folder / SPLITS)


def decisions_file(run: Path) -> Path:
    """The overrides.jsonl that a run replays: its project's, or the one in the run's own folder."""
    from .project import PROJECT_FILE

    project = run.resolve().parent.parent
    return (project if (project / PROJECT_FILE).is_file() else run) / OVERRIDES
