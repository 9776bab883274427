"""The style for scoring outputs again: from a file, or the one that a compared run was judged by."""

from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

from ...core import ConfigError, DataError, quote
from ...style import StyleSchema, read_style
from ..project import read_project
from ..run import Run
from ..runs import to_path, with_inputs

__all__ = ["stated_style"]


def stated_style(
    stated: str | Path, runs: Sequence[Run], names: Sequence[str], *, allow_code: bool
) -> tuple[StyleSchema, str]:
    """The style, and what to call it.

    `stated` is a file, or one of the `runs` (`A` for the first, `B` for the next, its name, or its folder) for the style
    that it was judged by.

    Raises: ConfigError if there is no such file or run; DataError if the style of the run is not available.
    """
    if Path(stated).is_file():
        return read_style(Path(stated), allow_code=allow_code), Path(stated).name
    letters = ascii_uppercase[: len(runs)]
    for letter, name, run in zip(letters, names, runs, strict=False):
        if str(stated) in (letter, name) or Path(stated).resolve() == run.folder.resolve():
            return _style_of(run, letter, allow_code=allow_code), f"the style of {name}"
    if "." not in str(stated):
        raise ConfigError(
            f'--style "{stated}" is neither a file nor one of the runs\n'
            f"Name a style file, or {' or '.join(letters[:2])} for the style that a run was judged by."
        )
    return read_style(Path(stated), allow_code=allow_code), Path(stated).name


def _style_of(run: Run, letter: str, *, allow_code: bool) -> StyleSchema:
    """The style of a run. Raises: DataError if it is not in a file, or the file has changed since the run was judged."""
    call = run.facts.get("judged")
    if call is None:
        style = run.project.style
    elif call["style"] is not None:
        style = read_style(to_path(run.folder, call["style"]), allow_code=allow_code)
    elif call["project"] is not None:
        style = read_project(to_path(run.folder, call["project"]), allow_code=allow_code).style
    else:
        raise DataError(f"--style {letter}: the style of {run.folder} was passed in Python and is in no file")
    provenance = None if run.results is None else run.results.provenance
    then = () if provenance is None else provenance.inputs or ()
    known = {(file.path, file.sha256) for file in then if file.role == "style"}
    changed = [
        now["path"] for now in with_inputs([], run.folder, style.sources) if (now["path"], now["sha256"]) not in known
    ]
    if changed:
        raise DataError(
            f"--style {letter}: {', '.join(changed)} changed since {run.folder} was judged\n"
            f"Pass the style file itself, or judge the run by it first: tuneworth report {quote(str(run.folder))}"
        )
    return style
