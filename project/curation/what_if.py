"""Opens a run to count the outcomes of curating it again after more decisions."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core import ConfigError
from ...curate import CurateRequest, RawPairs, Recount, read_original, read_pairs
from ..project import PROJECT_FILE, Project
from ..run import Run
from ..runs import ProjectFiles, to_path, with_inputs
from ..stages import stated_project
from .curate import counter_of_tokens, project_of_pairs
from .lost_lines import pinned_rows


def open_recount(run: Run, *, allow_code: bool = False) -> Recount:
    """Counts what curating the rows of this run again would give, for any decisions.

    The rows are those of the run, as they were read; style and settings are the current ones. If the data state their own
    splits, which a run does not keep, the rows are read from the source again.

    Raises: ConfigError if style or settings are unknown or no longer valid, or such a source has changed; DataError if the
    run was not curated, or is damaged.
    """
    project, files = _project_and_files(run, allow_code=allow_code)
    data = project.reading
    request = CurateRequest(
        project.style, project.curate, data.identifiers, data.date, count_tokens=lambda: counter_of_tokens(project)
    )
    pinned, _ = pinned_rows(files.splits or run.folder / "splits.jsonl")
    return Recount.of(_rows(run, project), request, pinned=pinned, seed=int(run.facts.get("seed", 0)))


def _project_and_files(run: Run, *, allow_code: bool) -> tuple[Project, ProjectFiles]:
    """The project with which the run would be curated again, and its files."""
    facts, home = run.facts, run.folder.resolve().parent.parent
    stated = facts.get("curated") or {}
    if not (home / PROJECT_FILE).is_file():
        return _of_file(run, facts, stated, allow_code=allow_code)
    options = {name: stated[name] for name in ("mask", "fix") if name in stated}
    project = stated_project(home, allow_code=allow_code, **{"mask": False, "fix": None, **options})
    if "parts" in run.curation:  # a run in parts always finds similar rows by candidates
        project = replace(project, curate=replace(project.curate, method="candidates"))
    return project, ProjectFiles.of_project(home)


def _of_file(
    run: Run, facts: Mapping[str, Any], stated: Mapping[str, Any], *, allow_code: bool
) -> tuple[Project, ProjectFiles]:
    paths = {role: path and to_path(run.folder, path) for role, path in stated.items()}
    if not paths and (run.curation.get("style") or {}).get("checks"):
        raise ConfigError(
            f"{run.folder} does not say which style it was curated with; curate it again with --style FILE"
        )
    config = facts["config"]
    columns = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in config["data"].items()
        if name != "path"
    }
    project = project_of_pairs(paths.get("pairs"), paths.get("style"), columns, config["curate"], allow_code=allow_code)
    return project, ProjectFiles(splits=paths.get("splits"))


def _rows(run: Run, project: Project) -> RawPairs:
    if ', split from "' not in run.curation.get("shape", ""):
        return read_original(run.folder, run.facts.get("data_guide"))
    source = project.folder / project.data.path
    again = f"curate again to see the counts: the data state splits, which {run.folder} does not keep"
    if not project.data.path:
        raise ConfigError(f"{run.folder} was made from a table; {again}")
    raw = read_pairs(source, project.reading)
    before = [entry for entry in run.facts["inputs"] if entry.get("role") == "pairs"]
    if with_inputs([], run.folder, [("pairs", Path(file)) for file in raw.files]) != before:
        raise ConfigError(f"{source} has changed since; {again}")
    return raw
