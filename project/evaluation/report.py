"""Writes the report of a run, after updating its verdict."""

from collections.abc import Sequence
from pathlib import Path

from ...core import home_of
from ..run import Run
from .again import decide_again
from .finish import write_reports
from .judgements import store_judgements


def report_run(
    run: str | Path | Run, *, examples: bool = True, judgements: Sequence[str | Path] = (), allow_code: bool = False
) -> list[Path]:
    """Write `report.html`, `report.md` and `junit.xml` of a run: of its results, or of its curation if it has no results.

    `run` is a run, or a project for its newest run. Its verdict is updated first, as by `decide_again`. Without `examples`,
    the files contain no text of the data. `judgements` are files of people's preferences, saved by "Judge blind" in the
    report; they are stored in the run. Judgements made in `tuneworth review` are always counted.

    Raises: DataError if the run has nothing to report, or a judgements file belongs to another run; ConfigError if its
    project has errors; RunBroken for disk errors.
    """
    with Run.of(run).changing() as opened:
        if opened.results:
            decide_again(opened, allow_code=allow_code)
        if judgements:
            store_judgements(opened, [Path(file) for file in judgements])
        written = write_reports(opened.folder, examples=examples)
    return [home_of(file) for file in written]
