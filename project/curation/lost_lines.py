"""Lines that splits.jsonl and overrides.jsonl lost since the last curation: a cut at the end of a line shows nowhere else."""

from pathlib import Path

import msgspec

from ...core import say
from ...curate import CURATED_SUMMARY, Curation, Override, PinnedSplits, read_ledger, read_splits, read_summary
from ..runs import OVERRIDES, SPLITS, ProjectFiles

_COLUMNS = ("content", "id", "outcome", "split", "placed")


def pinned_rows(path: Path | None) -> tuple[PinnedSplits, str]:
    """The rows pinned by a file, with those that it lost since the last curation, and a warning about these.

    They are taken from the ledger of that run, since rows that a test set loses could be trained on. A file that was
    deleted pins no row.

    Raises: DataError if the file is damaged, or a ledger that is needed.
    """
    pinned = PinnedSplits() if path is None else read_splits(path)
    last = None if path is None else _last_curated(path.parent)
    if path is None or last is None or not path.exists():
        return pinned, ""
    lost = _counted(last, SPLITS) - len(pinned.lines)
    if lost <= 0:
        return pinned, ""
    whole = pinned.joined(PinnedSplits().grown(read_ledger(last, _COLUMNS)))
    found = len(whole.lines) - len(pinned.lines)
    text = (
        f"{path} has {say.count(len(pinned.lines), 'line')}, {lost:,} fewer than when {last} was curated. "
        f"{say.count(found, 'row')} of that run {'is' if found == 1 else 'are'} placed as in its ledger."
    )
    rest = "" if found >= lost else f" {lost - found:,} others get new splits: restore the file's last good version."
    return whole, text + rest


def removed_decisions(files: ProjectFiles, decisions: tuple[Override, ...]) -> str:
    """A note if there are fewer decisions than at the last curation: taken back, or cut off; empty if not."""
    last = None if files.overrides is None else _last_curated(files.overrides.parent)
    removed = 0 if last is None else _counted(last, OVERRIDES) - len(decisions)
    if removed <= 0:
        return ""
    return (
        f"{files.overrides} holds {say.count(len(decisions), 'decision')}, {removed:,} fewer than when {last} was curated; "
        "unless they were taken back, restore the file"
    )


def with_counts(curation: Curation, *, splits: int | None, decisions: int) -> Curation:
    """The curation with the lines of both files, by which the next one notices a cut."""
    if splits is None:
        return curation
    return msgspec.structs.replace(curation, lines={SPLITS: splits, OVERRIDES: decisions})


def _counted(run: Path, file: str) -> int:
    """The lines of a file after this run; 0 if it did not count them."""
    return (read_summary(run).get("lines") or {}).get(file, 0)


def _last_curated(home: Path) -> Path | None:
    """The run in this folder, or the last one of this project, that was curated; None if there is none."""
    summaries = [folder / CURATED_SUMMARY for folder in (home, *(home / "runs").glob("*"))]
    stamped = [(file.stat().st_mtime_ns, file) for file in summaries if file.is_file()]
    return max(stamped)[1].parents[1] if stamped else None
