"""A run, opened: its folder, its project and its tables, each read once."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from ..core import Talk, TuneworthError, printable, quoted_page
from ..curate import ledger_files, read_ledger, read_split, split_files
from ..reports import curated_text, verdict_text
from .gates import failed_gates
from .project import Project, read_project
from .runs import read_run, read_stored, run_folder, update_run

__all__ = ["QUIET", "Run", "heard"]

QUIET = Talk(quiet=True)
Made = TypeVar("Made")


def heard(talk: Talk | None, seed: int | None) -> Talk:
    """Who is told of the work, and its seed: nobody where no `talk` is given; a stated `seed` goes before that of `talk`."""
    talk = talk or QUIET
    return talk if seed is None else replace(talk, seed=seed, seed_given=True)


class Run:
    """A run folder, opened. It prints its verdict; before it is evaluated, what became of the rows.

    `path` is a run folder, or a project, whose newest run is meant. A table is read at its first use and once, until its
    files change.

    Raises: DataError where there is no run.
    """

    def __init__(self, path: str | Path, *, project: Project | None = None, talk: Talk | None = None) -> None:
        self.folder = run_folder(Path(path))
        self.talk = talk or QUIET
        self.gate_error: TuneworthError | None = None
        self._project = project
        self._made: dict[Hashable, tuple[Any, Any]] = {}

    @cached_property
    def project(self) -> Project:
        """The project that the run is of.

        Raises: ConfigError where the run lies in none.
        """
        return self._project or read_project(self.folder.resolve().parent.parent)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def adapter(self) -> Path:
        """Where the adapter lies that the run trains."""
        return self.folder / "train" / "adapter"

    @property
    def report(self) -> Path:
        """Where its report lies."""
        return self.folder / "report.html"

    @property
    def generated(self) -> Path:
        """Where each output is kept that a model of this run wrote, so that nothing is generated twice."""
        return self.folder / "evaluate" / "generated.jsonl"

    # --- what it holds ----------------------------------------------------------------------------------------

    @property
    def facts(self) -> dict[str, Any]:
        """What `run.json` says."""
        return read_run(self.folder)

    @cached_property
    def seed(self) -> int:
        """The stated seed, else the one that the run began with."""
        return self.talk.seed if self.talk.seed_given else int(self.facts.get("seed", 0))

    @property
    def train(self) -> pl.DataFrame:
        """The pairs to train on: `id, input, fields, output, system, group, row, split, reference_ok, meta`.

        Raises: DataError where the run was not curated, or a line is damaged.
        """
        return self._split("train")

    @property
    def validation(self) -> pl.DataFrame:
        """The pairs that training is stopped by; columns and errors as of `train`."""
        return self._split("validation")

    @property
    def test(self) -> pl.DataFrame:
        """The pairs that the variants are judged on; columns and errors as of `train`."""
        return self._split("test")

    @property
    def ledger(self) -> pl.DataFrame:
        """A row for each row read: `row, id, outcome, split, rule, evidence, other_id, similarity`.

        Raises: DataError where the run was not curated.
        """
        return self.once("ledger", ledger_files(self.folder), lambda: read_ledger(self.folder))

    @property
    def curation(self) -> dict[str, Any]:
        """Counts, certificate and warnings of `curate/summary.json`; {} where the run was not curated."""
        return self._object(self.folder / "curate" / "summary.json")

    @property
    def results(self) -> dict[str, Any]:
        """The content of `results.json`; {} where the run was not evaluated."""
        return self._object(self.folder / "results.json")

    @property
    def outputs(self) -> pl.DataFrame:
        """A row for each pair, variant and sample that was judged; without rows where the run was not evaluated."""
        file = self.folder / "evaluate" / "outputs.jsonl"
        if not file.is_file() or not file.stat().st_size:
            return pl.DataFrame(schema=dict.fromkeys(("id", "variant", "output"), pl.String))
        return self.once("outputs", [file], lambda: pl.read_ndjson(file, infer_schema_length=None))

    def _split(self, name: str) -> pl.DataFrame:
        return self.once(name, split_files(self.folder, name), lambda: read_split(self.folder, name))

    def _object(self, file: Path) -> dict[str, Any]:
        return self.once(file.name, [file], lambda: read_stored(file)) if file.is_file() else {}

    # --- for the stages ---------------------------------------------------------------------------------------

    def once(self, what: Hashable, files: Iterable[Path], make: Callable[[], Made]) -> Made:
        """What `make` gives: made once, and again only where one of these files has changed since."""
        stamp = _stamp(files)
        if what not in self._made or self._made[what][0] != stamp:
            self._made[what] = stamp, make()
        return self._made[what][1]

    def sample(self, pairs: pl.DataFrame, most: int | None) -> pl.DataFrame:
        """At most `most` rows, chosen by a hash of seed and id: the same ones whatever the order of the rows."""
        if most is None or len(pairs) <= most:
            return pairs
        seed = self.seed
        keys = [
            hashlib.sha256(f"{seed}\0sample\0{id}".encode(errors="surrogatepass")).hexdigest() for id in pairs["id"]
        ]
        ranked = pairs.with_row_index("_place").with_columns(_key=pl.Series(keys)).sort("_key").head(most)
        return ranked.sort("_place").drop("_place", "_key")

    def update(
        self, *, seconds: Mapping[str, float] | None = None, inputs: Iterable[tuple[str, Path]] = (), **facts: Any
    ) -> None:
        """Add facts to `run.json`, as `update_run` does."""
        update_run(self.folder, seconds=seconds, inputs=inputs, **facts)

    def keep(self, file: Path, content: dict[str, Any]) -> None:
        """Take this for the content of a file that was just written: it need not be read back."""
        self._made[file.name] = _stamp([file]), content

    def check_gates(self) -> None:
        """Raise what the gates of the evaluation came to.

        Raises: GateFailed naming every gate that does not hold; ConfigError where a gate names no part of the results.
        """
        if self.gate_error is not None:
            raise self.gate_error
        if (failed := failed_gates(self.results.get("gates") or ())) is not None:
            raise failed

    # --- how it prints ----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return printable(f"Run {self.folder}\n{self._text()}")

    def _repr_html_(self) -> str:
        table = self.train if self.curation and not self.results else None
        return quoted_page(repr(self), table)

    def _text(self) -> str:
        if self.results:
            return verdict_text(self.results)
        return curated_text(self.curation) if self.curation else "Nothing was curated or judged yet."


def _stamp(files: Iterable[Path]) -> list[tuple[Path, int, int]]:
    return [(file, (stat := file.stat()).st_mtime_ns, stat.st_size) for file in files]
