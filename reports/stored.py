"""Reads a finished run from its folder; missing or damaged parts raise a clear error."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from ..core import (
    DataError,
    check_whole,
    damage,
    decimals_beside,
    open_stored,
    read_record,
    read_stored,
    read_stored_lines,
    read_unchanged,
    stored_line,
)
from ..curate import (
    GIVEN,
    PAIRS,
    SPLITS,
    Curation,
    check_rows,
    ledger_files,
    parts_of_ids,
    read_ledger_file,
    set_aside_files,
    split_files,
    table_name,
    tested_files,
)  # fmt: skip
from ..evaluate.results import Difference, Good, Quality, Results, Rival, read_results
from .words import variant_label

MOST_VARIANTS = 4  # with more, charts and tables show the compared two, and the others where there is room
# Kinds of files, as the schemas name them.
RESULTS, OUTPUTS, SUMMARY = "results.json", "evaluate/outputs.jsonl", "curate/summary.json"


@dataclass(frozen=True)
class StoredRun:
    """results.json, the tested pairs by id, the first sample of each output by (id, variant), and run.json.

    `facts` is empty if the folder has no run.json.
    """

    path: Path
    results: Results
    pairs: dict[str, dict[str, Any]]
    outputs: dict[tuple[str, str], dict[str, Any]]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def variants(self) -> list[str]:
        """The scored variants in the order of results.json."""
        return list(self.results.quality)

    @property
    def candidate(self) -> str | None:
        """The candidate of the comparison; without a comparison, the last variant."""
        comparison = self.results.comparison
        return comparison.candidate if comparison else self.variants[-1] if self.variants else None

    @property
    def baseline(self) -> str | None:
        """The baseline of the comparison; without a comparison, the first variant that is no form of the candidate."""
        if self.results.comparison:
            return self.results.comparison.baseline
        candidate = str(self.candidate)
        forms = {candidate, *self.origins(candidate)}
        others = [name for name in self.variants if name not in forms and not forms & set(self.origins(name))]
        return others[0] if others else None

    @property
    def compared(self) -> list[str]:
        """The baseline and the candidate, as far as they were scored."""
        return [name for name in (self.baseline, self.candidate) if name and name in self.results.quality]

    @property
    def others(self) -> list[str]:
        """The variants that are not compared: those with the highest share first, each repaired one before its origin."""
        families: dict[str, list[str]] = {}
        for name in self.variants:
            if name not in (self.baseline, self.candidate):
                origin = self.origins(name)[0] if self.way(name) == "repair" else name
                families.setdefault(origin, []).append(name)

        def share(name: str) -> float:
            found = self.acceptable(name)
            return -1.0 if found is None else found

        ordered = sorted(families.values(), key=lambda names: -max(map(share, names)))
        return [name for names in ordered for name in sorted(names, key=share, reverse=True)]

    @property
    def ordered(self) -> list[str]:
        """All scored variants as they are shown: baseline and candidate first."""
        return [*self.compared, *self.others]

    def quality(self, name: str | None) -> Quality | None:
        """The scores of a variant; None if it was not scored."""
        return self.results.quality.get(name or "")

    @property
    def good(self) -> Good:
        """What an output is called that breaks no must rule."""
        return self.results.good

    @property
    def correct_apart(self) -> bool:
        """Whether an output can be correct without being acceptable, so that both shares are shown."""
        return self.good == "acceptable" and self.results.correctness is not None

    def acceptable(self, name: str | None) -> float | None:
        """A variant's acceptable share; None if it was not scored."""
        scored = self.quality(name)
        return scored.acceptable.share if scored else None

    @property
    def gap(self) -> Difference | None:
        """The candidate's share minus the baseline's on the same requests; None if they were not compared."""
        comparison = self.results.comparison
        return comparison.difference if comparison and comparison.difference.value is not None else None

    def gap_decimals(self, share: float | None = None) -> int:
        """The decimals of the candidate's share, of another one, by default the baseline's, and of their difference."""
        other = self.acceptable(self.baseline) if share is None else share
        return decimals_beside(self.acceptable(self.candidate), other)

    @cached_property
    def shown_outputs(self) -> str:
        """The SHA-256 of the compared outputs, which judgements are about; other rules do not change it. Empty without."""
        shown = [[id_, name, line.get("output")] for (id_, name), line in self.outputs.items()]
        shown = [row for row in shown if row[1] in (self.baseline, self.candidate)]
        return hashlib.sha256(json.dumps(sorted(shown, key=lambda row: row[:2])).encode()).hexdigest() if shown else ""

    def label(self, name: str) -> str:
        """The variant beside a share; it says so if the outputs were repaired before they were scored."""
        label = variant_label(name)
        said = label.endswith(", repaired") or name == "template" or ", else " in name
        how = self.results.variants.get(name)
        return label if said or how is None or how.repair == "off" else f"{label}, repaired"

    @property
    def rivals(self) -> list[Rival]:
        """The ways without training that were measured, in their order: the cheapest first."""
        return [rival for rival in self.results.rivals if rival.measured]

    def way(self, name: str) -> str:
        """How a variant's outputs come about: "model" is the plain call of a model."""
        return self.results.variants[name].way if name in self.results.variants else "model"

    def origins(self, name: str) -> Sequence[str]:
        """The variants that this one is made from."""
        return self.results.variants[name].of if name in self.results.variants else ()


def read_run(run: Path) -> StoredRun:
    """The stored run. Raises DataError if results.json is missing, broken or of another schema, or the run is not whole."""
    check_whole(run)
    return read_unchanged(run, lambda: _read_run(run))


def _read_run(run: Path) -> StoredRun:
    results = read_results(run)
    files = tested_files(run)
    is_given = run / GIVEN in files
    lines = [pair for file in files for pair in read_stored_lines(file, GIVEN if is_given else PAIRS)]
    if files and not is_given:
        check_rows(run, "test", [pair["row"] for pair in lines])
    pairs = {str(pair["id"]): pair for pair in lines}
    outputs: dict[tuple[str, str], dict[str, Any]] = {}
    for line in read_stored_lines(run / OUTPUTS, OUTPUTS):
        key = (line["id"], line["variant"])
        if key not in outputs or (line.get("sample") or 0) < (outputs[key].get("sample") or 0):
            outputs[key] = line
    counts = Counter(name for id_, name in outputs if id_ in pairs or not pairs)
    _check_complete(run / OUTPUTS, counts, results.quality)
    facts = read_stored(run / "run.json", "run.json")
    return StoredRun(path=run, results=results, pairs=pairs, outputs=outputs, facts=facts)


def _check_complete(file: Path, counts: Counter[str], quality: Mapping[str, Quality]) -> None:
    """Raises: DataError if a scored variant lacks outputs: all have the same requests. A run may be kept without the file."""
    most = max((counts[name] for name in quality), default=0)
    for name, scored in quality.items() if file.exists() else ():
        if counts[name] < (asked := max(most, scored.n)):
            what = f'"{name}" has outputs for {counts[name]:,} of {asked:,} requests: lines are missing'
            raise damage(file, OUTPUTS, what)


def scored_lines(run: Path, variant: str) -> dict[str, list[dict[str, Any]]]:
    """The scored outputs of a variant by id, the samples of each in order.

    Raises: DataError if a line is damaged, or an output is there twice.
    """
    path = run / OUTPUTS
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for line in read_stored_lines(path, OUTPUTS):
        if line["variant"] != variant:
            continue
        samples, sample = found.setdefault(line["id"], {}), line.get("sample") or 0
        if sample in samples:
            raise damage(path, OUTPUTS, f'two outputs of {variant} for "{line["id"]}", sample {sample}')
        samples[sample] = line
    return {name: [samples[at] for at in sorted(samples)] for name, samples in found.items()}


EXAMPLES = 3  # of each rule
_NAMES = ("row", "id", "outcome", "split", "rule", "evidence", "other_id", "similarity")


@dataclass(frozen=True)
class StoredCuration:
    """curate/summary.json, the dropped rows, and run.json (empty if there is none).

    dropped: the first rows that each rule dropped, as in the ledger; the column `n` counts all that the rule dropped.
    """

    path: Path
    summary: Curation
    dropped: pl.DataFrame
    facts: dict[str, Any]


def find_curation(run: Path) -> bool:
    """Whether the run was curated completely: the summary is written last."""
    return (run / SUMMARY).exists()


def read_curation(run: Path) -> StoredCuration:
    """Reads the curated run in a folder.

    Raises:
        DataError: a part is missing or damaged.
    """
    check_whole(run)
    return read_unchanged(run, lambda: _read_curation(run))


def _read_curation(run: Path) -> StoredCuration:
    dropped = _dropped_of(ledger_files(run))
    facts = read_stored(run / "run.json", "run.json")
    summary = read_record(run / SUMMARY, SUMMARY, Curation)
    if summary is None:
        raise DataError(f"{run / SUMMARY}: file not found.\nRun `tuneworth curate` first.")
    return StoredCuration(run, summary, dropped, facts)


def _dropped_of(files: Sequence[Path]) -> pl.DataFrame:
    """The first rows that each rule dropped and their count; one file at a time, since a ledger may be large."""
    by = ["outcome", "rule"]
    first, counts = [], []
    for file in files:
        rows = _dropped_rows(file)
        counts.append(rows.group_by(by).agg(n=pl.len()))
        first.append(rows.group_by(by, maintain_order=True).head(EXAMPLES))
    count = pl.concat(counts).group_by(by).agg(pl.col("n").sum())
    rows = pl.concat(first).group_by(by, maintain_order=True).head(EXAMPLES)
    return rows.join(count, on=by, nulls_equal=True, maintain_order="left")


def _dropped_rows(file: Path) -> pl.DataFrame:
    """The rows in one ledger file that were not kept, in order."""
    return read_ledger_file(file, _NAMES, pl.col("outcome") != "kept").sort("row")


def ledger_place(run: Path) -> str:
    """The path of the ledger in the run: a file, or a folder of parts."""
    return table_name(run, "curate/ledger.parquet") or "curate/ledger.parquet"


def read_texts(run: Path, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Input and output of the rows with these ids; unknown ids are omitted."""
    tables = [*(split_files(run, split) for split in SPLITS), set_aside_files(run)]
    parts = parts_of_ids(run, ids)
    pairs = _read_pairs([files[part] for files in tables if files for part in parts], ids)
    return {id_: (pair["input"], pair["output"]) for id_, pair in pairs.items()}


def read_train_pairs(run: Path, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The train pairs with these ids, as they are in train; unknown ids are omitted."""
    files = split_files(run, "train")
    parts = parts_of_ids(run, ids) if len(files) > 1 else range(len(files))
    return _read_pairs([files[part] for part in parts], ids)


def _read_pairs(files: Iterable[Path], ids: Collection[str]) -> dict[str, dict[str, Any]]:
    wanted = {json.dumps(name, ensure_ascii=False).encode(errors="replace") for name in ids}
    found: dict[str, dict[str, Any]] = {}
    for path in files:
        if len(found) == len(wanted):
            continue
        with open_stored(path, PAIRS) as lines:
            for number, line in enumerate(lines, start=1):
                # A line starts with {"id": "...", "input": ; only the requested lines are parsed.
                if line[7 : line.find(b', "input": ')] in wanted:
                    pair = stored_line(line, PAIRS, path=path, number=number)
                    found[pair["id"]] = pair
    return found
