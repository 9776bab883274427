"""An open run: its folder, its project and its tables, each read once."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from ..core import (
    Console,
    RunBroken,
    TuneworthError,
    changing,
    completed,
    damage_is_named,
    from_json,
    home_of,
    notebook_page,
    printable,
    read_stored,
    read_stored_lines,
    read_unchanged,
    to_pandas,
)  # fmt: skip
from ..curate import Curation, ledger_files, obstacles, read_ledger, split_files
from ..evaluate import with_references
from ..evaluate.results import RESULTS, Results, read_results
from ..style import StyleSchema, open_fields, pair_columns, with_row_values
from .evaluation.gates import failed_gates
from .project import Project, read_project
from .runs import find_run, read_run, run_folder, update_run

QUIET = Console(quiet=True)
CURATED = ("run.json", "curate/")  # what training needs undamaged
TRAINED = (*CURATED, "train/")  # what an evaluation needs undamaged
NOTHING = "Nothing has been curated or evaluated yet."
At = str | Path | None  # a project's folder or file; None for the current folder
Made = TypeVar("Made")


def console_for(talk: Console | None, seed: int | None) -> Console:
    """The console for messages, silent if `talk` is None; a stated `seed` overrides that of `talk`."""
    talk = talk or QUIET
    return talk if seed is None else replace(talk, seed=seed, seed_given=True)


class Run:
    """An open run folder. It prints as its verdict or, before an evaluation, as the outcome of curation.

    `path` is a run folder, or a project for its newest run; `parts` are those that must be undamaged. A
    table is read at its first use, and again only if its files have changed.

    Raises: DataError if there is no run.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        project: Project | None = None,
        talk: Console | None = None,
        parts: tuple[str, ...] = ("",),
    ) -> None:
        self.folder = run_folder(Path(path), parts)
        self.talk = talk or QUIET
        self.gate_error: TuneworthError | None = None
        self._project = project
        self._made: dict[Hashable, tuple[Any, Any]] = {}

    @classmethod
    def of(cls, run: "str | Path | Run", *, talk: Console | None = None, parts: tuple[str, ...] = ("",)) -> "Run":
        """The run itself if it is open, else the run at a path."""
        return run if isinstance(run, Run) else cls(run, talk=talk, parts=parts)

    @cached_property
    def project(self) -> Project:
        """The project of the run.

        Raises: ConfigError if the run is not in a project.
        """
        return self._project or read_project(home_of(self.folder.resolve()).parent.parent)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return home_of(self.folder).name

    @property
    def adapter(self) -> Path:
        """The folder of the adapter that the run trains."""
        return self.folder / "train" / "adapter"

    @property
    def report(self) -> Path:
        """The path of its report."""
        return self.folder / "report.html"

    @property
    def generated(self) -> Path:
        """The file of all outputs that models of this run generated, so that none is generated twice."""
        return home_of(self.folder) / "evaluate" / "generated.jsonl"

    # --- its contents ----------------------------------------------------------------------------------------

    @property
    def facts(self) -> dict[str, Any]:
        """The content of `run.json`."""
        return read_run(self.folder)

    @cached_property
    def seed(self) -> int:
        """The stated seed, or the one that the run started with."""
        return self.talk.seed if self.talk.seed_given else int(self.facts.get("seed", 0))

    @property
    def train(self) -> pl.DataFrame:
        """The pairs to train on: `id, input, fields, output, system, group, row, split, reference_ok, meta`.

        Raises: DataError if the run was not curated, or a line is damaged.
        """
        return self._split("train")

    @property
    def validation(self) -> pl.DataFrame:
        """The pairs for early stopping; columns and errors as of `train`."""
        return self._split("validation")

    @property
    def test(self) -> pl.DataFrame:
        """The pairs that the variants are evaluated on; columns and errors as of `train`."""
        return self._split("test")

    @property
    def style(self) -> StyleSchema:
        """The project's style; checks against other values of a field use the values in all pairs of the run.

        Raises: DataError if the run was not curated and a check needs these values.
        """
        style = self.project.style
        if not open_fields(style):
            return style
        pairs = pl.concat(
            [part.select("output", "input", "fields") for part in (self.train, self.validation, self.test)]
        )
        return with_row_values(style, pair_columns(pairs))

    @property
    def ledger(self) -> pl.DataFrame:
        """A row for each row that was read: `row, id, outcome, split, rule, evidence, other_id, similarity`.

        Raises: DataError if the run was not curated.
        """
        return self.once("ledger", ledger_files(self.folder), lambda: read_ledger(self.folder))

    @property
    def curation(self) -> dict[str, Any]:
        """Counts, certificate and warnings of `curate/summary.json`; {} if the run was not curated."""
        return self._object("curate/summary.json")

    @property
    def obstacles(self) -> list[str]:
        """Why no outputs can get another verdict than *fix first* or *cannot tell yet*; empty if nothing is known against
        it, or the run was not curated."""
        if not self.curation:
            return []
        return [found.sentence for found in obstacles(from_json(completed(self.curation, Curation), Curation))]

    @property
    def results(self) -> Results | None:
        """The content of `results.json`; None if the run was not evaluated.

        Raises: DataError if it is damaged.
        """
        file = self.folder / RESULTS
        return self.once(RESULTS, [file], lambda: read_results(self.folder)) if file.exists() else None

    @property
    def outputs(self) -> pl.DataFrame:
        """A row for each evaluated pair, variant and sample; no rows if the run was not evaluated."""
        file = self.folder / _OUTPUTS
        return self.once("outputs", [file] if file.exists() else [], lambda: _outputs(file))

    def to_pandas(self) -> dict[str, Any]:
        """The tables that the run has, as pandas DataFrames: train, validation, test, ledger, outputs.

        Raises: ModelError if pandas is not installed; DataError for damaged files.
        """
        names = ["train", "validation", "test", "ledger"] if self.curation else []
        names += ["outputs"] if self.results else []
        return {name: to_pandas(getattr(self, name)) for name in names}

    def _split(self, name: str) -> pl.DataFrame:
        from ..curate import read_split  # imported here, since costs alone do not need its many imports

        return self.once(name, split_files(self.folder, name), lambda: read_split(self.folder, name))

    def _object(self, name: str) -> dict[str, Any]:
        file = self.folder / name
        return self.once(file.name, [file], lambda: read_stored(file, name)) if file.exists() else {}

    @property
    def longest_output(self) -> int:
        """The bytes of the longest training output; 0 if there is none."""
        return max((len(text.encode(errors="replace")) for text in self.train["output"]), default=0)

    # --- for the stages ---------------------------------------------------------------------------------------

    def once(self, what: Hashable, files: Iterable[Path], make: Callable[[], Made]) -> Made:
        """The result of `make`, cached until one of these files changes."""
        stamp = _stamp(files)
        if what not in self._made or self._made[what][0] != stamp:
            self._made[what] = stamp, read_unchanged(self.folder, make)
        return self._made[what][1]

    def sample(self, pairs: pl.DataFrame, most: int | None) -> pl.DataFrame:
        """At most `most` rows, chosen by a hash of seed and id, so that the order of the rows does not matter."""
        if most is None or len(pairs) <= most:
            return pairs
        seed = self.seed
        keys = [
            hashlib.sha256(f"{seed}\0sample\0{id}".encode(errors="surrogatepass")).hexdigest() for id in pairs["id"]
        ]
        ranked = pairs.with_row_index("_place").with_columns(_key=pl.Series(keys)).sort("_key").head(most)
        return ranked.sort("_place").drop("_place", "_key")

    def referenced(self, pairs: pl.DataFrame, among: pl.DataFrame) -> pl.DataFrame:
        """The pairs with their `references`, for which the pairs of the split (`among`) count, if a rule compares with them."""
        if not any(check.about == "correctness" for check in self.style.checks):
            return pairs
        known = with_references(among, self.style, self.project.data.identifiers).select("id", "references")
        return pairs.join(known, on="id", how="left", maintain_order="left")

    def update(
        self, *, seconds: Mapping[str, float] | None = None, inputs: Iterable[tuple[str, Path]] = (), **facts: Any
    ) -> None:
        """Add facts to `run.json`, as `update_run` does."""
        update_run(self.folder, seconds=seconds, inputs=inputs, **facts)

    @contextmanager
    def changing(self) -> Iterator["Run"]:
        """The run in a folder of its own, whose files replace the run's when the block ends; as `core.changing`."""
        with changing(self.folder) as stage:
            staged = Run(stage, project=self._project, talk=self.talk)
            staged._made = self._made
            yield staged

    def keep(self, file: Path, content: object) -> None:
        """Cache the content of a new file, so that it is not read back."""
        self._made[file.name] = _stamp([file]), content

    def check_gates(self) -> None:
        """Raise an error if a gate of the evaluation failed.

        Raises: GateFailed with every gate that does not hold; ConfigError if the path of a gate does not exist.
        """
        if self.gate_error is not None:
            raise self.gate_error
        if self.results is not None and (failed := failed_gates(self.results.gates or ())) is not None:
            raise failed

    # --- representation ---------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return printable(f"Run {self.folder}\n{self._text()}")

    def _repr_html_(self) -> str:
        from ..reports import verdict_html

        if self.results:
            return verdict_html(self.results, notes=[f"Report: {self.report}"])
        if self.curation:
            from ..curate import curated_html

            return curated_html(self.curation, self.train)
        return notebook_page(f"Run {self.folder}", notes=[NOTHING])

    def _text(self) -> str:
        from ..reports import curated_text, verdict_text

        if self.results:
            return verdict_text(self.results)
        return curated_text(from_json(completed(self.curation, Curation), Curation)) if self.curation else NOTHING


_OUTPUTS = "evaluate/outputs.jsonl"


def _outputs(file: Path) -> pl.DataFrame:
    if not sum(1 for _ in read_stored_lines(file, _OUTPUTS)):
        return pl.DataFrame(schema=dict.fromkeys(("id", "variant", "output"), pl.String))
    with damage_is_named(file, _OUTPUTS):
        return pl.read_ndjson(file, infer_schema_length=None)


def _stamp(files: Iterable[Path]) -> list[tuple[Path, int, int]]:
    there = [file for file in files if file.exists()]  # of a link to nothing, the reader says what is wrong
    return [(home_of(file), (stat := file.stat()).st_mtime_ns, stat.st_size) for file in there]


def project_at(path: At, *, allow_code: bool = False) -> Project:
    """The project of a folder or file, by default of the current folder. Raises: as `read_project`."""
    return read_project(None if path is None else Path(path), allow_code=allow_code)


def open_run(project: At, name: str | None, *, parts: tuple[str, ...], allow_code: bool, talk: Console) -> Run:
    """The run called `name` of a project, or its newest one, for a stage that needs these parts of it undamaged.

    Raises: ConfigError if there is none; else as `read_project`.
    """
    opened = project_at(project, allow_code=allow_code)
    return Run(find_run(opened, name), project=opened, talk=talk, parts=parts)


# --- interruption --------------------------------------------------------------------------------------------------

_NOTE = "Finished work is kept in the run "


@contextmanager
def resumable(run: Run) -> Iterator[None]:
    """Attach a note that names the run to an interruption of the block: Ctrl-C or a `RunBroken`."""
    try:
        yield
    except (KeyboardInterrupt, RunBroken) as stopped:
        stopped.add_note(f"{_NOTE}{run.folder}")
        raise


def stopped_run(stopped: BaseException | None) -> Path | None:
    """The folder of the run that was interrupted; None if no run can be resumed."""
    notes = getattr(stopped, "__notes__", ())
    return next((Path(note.removeprefix(_NOTE)) for note in notes if note.startswith(_NOTE)), None)
