"""Reads a finished run from its folder as plain data; missing or damaged parts raise a clear error."""

import hashlib
import json
import math
import traceback
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import polars as pl

from ..core import DataError, decimals_beside
from ..curate import SPLITS, ledger_files, parts_of_ids, set_aside_files, split_files, table_name, tested_files
from ..evaluate import repaired
from .words import variant_label

__all__ = [
    "StoredCuration",
    "StoredRun",
    "damage_is_named",
    "find_curation",
    "ledger_place",
    "read_curation",
    "read_run",
    "read_texts",
    "read_train_pairs",
    "scored_lines",
]

SCHEMA = "tuneworth/results/1"
# Parts that older versions may not have written; they default to None.
PARTS = ("style", "verdict", "comparison", "money", "risks", "data", "training", "provenance")
COUNTS = {"unscored": 0, "no_output": 0}  # of a variant's quality
DECIDING = ("verdict", "quality", "comparison", "money")


@dataclass(frozen=True)
class StoredRun:
    """results.json, the tested pairs by id, the first sample of each output by (id, variant), and run.json.

    `facts` is empty if the folder has no run.json.
    """

    path: Path
    results: dict[str, Any]
    pairs: dict[str, dict[str, Any]]
    outputs: dict[tuple[str, str], dict[str, Any]]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def variants(self) -> list[str]:
        """The scored variants in the order of results.json."""
        return list(self.results.get("quality") or {})

    @property
    def candidate(self) -> str | None:
        """The candidate of the comparison; without a comparison, the last variant."""
        comparison = self.results.get("comparison") or {}
        return comparison.get("candidate") or (self.variants[-1] if self.variants else None)

    @property
    def baseline(self) -> str | None:
        """The baseline of the comparison; without a comparison, the first variant that is no form of the candidate."""
        comparison, candidate = self.results.get("comparison") or {}, str(self.candidate)
        forms = {candidate, *self.origins(candidate)}
        others = [name for name in self.variants if name not in forms and not forms & set(self.origins(name))]
        return comparison.get("baseline") or (others[0] if others else None)

    def acceptable(self, name: str | None) -> float | None:
        """A variant's acceptable share; None if it was not scored."""
        return (((self.results.get("quality") or {}).get(name) or {}).get("acceptable") or {}).get("share")

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
        return label if said or not repaired(self.results, name) else f"{label}, repaired"

    @property
    def rivals(self) -> list[dict[str, Any]]:
        """The rows of `rivals` that were measured, in their order: the cheapest first."""
        return [row for row in self.results.get("rivals") or [] if row.get("measured")]

    def way(self, name: str) -> str:
        """How a variant's outputs come about: "model" is the plain call of a model."""
        return ((self.results.get("variants") or {}).get(name) or {}).get("way") or "model"

    def origins(self, name: str) -> list[str]:
        """The variants that this one is made from."""
        return ((self.results.get("variants") or {}).get(name) or {}).get("of") or []


def read_run(run: Path) -> StoredRun:
    """The stored run. Raises DataError if results.json is missing, broken or of another schema."""
    results = _read_results(run / "results.json")
    pairs = {str(pair["id"]): pair for file in tested_files(run) for pair in _read_lines(file, "id")}
    outputs: dict[tuple[str, str], dict[str, Any]] = {}
    for line in _read_lines(run / "evaluate" / "outputs.jsonl", "id", "variant"):
        key = (str(line["id"]), str(line["variant"]))
        if key not in outputs or (line.get("sample") or 0) < (outputs[key].get("sample") or 0):
            outputs[key] = line
    return StoredRun(path=run, results=results, pairs=pairs, outputs=outputs, facts=_read_facts(run / "run.json"))


def scored_lines(run: Path, variant: str) -> dict[str, list[dict[str, Any]]]:
    """The scored outputs of a variant by id, the samples of each in order.

    Raises: DataError if a line is damaged, or an output is there twice.
    """
    path = run / "evaluate" / "outputs.jsonl"
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for line in _read_lines(path, "id", "variant"):
        if line["variant"] != variant:
            continue
        samples, sample = found.setdefault(str(line["id"]), {}), line.get("sample") or 0
        if sample in samples:
            raise DataError(f'{path}: two outputs of {variant} for "{line["id"]}", sample {sample}.')
        if (odd := _odd_part(line)) is not None:
            raise DataError(f'{path}: the output of {variant} for "{line["id"]}" has an unexpected "{odd}".')
        samples[sample] = line
    return {name: [samples[at] for at in sorted(samples)] for name, samples in found.items()}


def _odd_part(line: dict[str, Any]) -> str | None:
    """The first key whose value is of another type than scoring writes; None if there is none."""
    violations, counts = line.get("violations"), ("input_tokens", "output_tokens")
    if not isinstance(line.get("sample") or 0, int):
        return "sample"
    if violations is not None and not (isinstance(violations, list) and all(isinstance(v, dict) for v in violations)):
        return "violations"
    if not isinstance(line.get("output"), str | None):
        return "output"
    odd = [name for name in ("acceptable", "faithful") if not isinstance(line.get(name), bool | None)]
    odd += [name for name in counts if not isinstance(line.get(name), int | float | None)]
    return odd[0] if odd else None


def _read_results(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise DataError(f"{path}: file not found.\nRun `tuneworth evaluate` first.")
    results = _read_json(path, "Run `tuneworth evaluate` again.")
    found = results.get("schema") if isinstance(results, dict) else None
    if found != SCHEMA:
        shown = f"{found!r}"[:120]
        raise DataError(f"{path}: expected the schema {SCHEMA!r}, found {shown}.\nRun `tuneworth evaluate` again.")
    # Losses and risks may be NaN and are then omitted; the figures behind the verdict must be numbers.
    odd = next((found for part in DECIDING if (found := _no_number(results.get(part), part))), None)
    if odd:
        raise DataError(f"{path}: {odd[:120]} is not a finite number.\nRun `tuneworth evaluate` again.")
    scored = results.get("quality") or {}
    quality = {name: {**COUNTS, **found} for name, found in scored.items() if found}
    return {**dict.fromkeys(PARTS), **results, "quality": quality, "rivals": _rivals(results)}


def _rivals(results: dict[str, Any]) -> list[dict[str, Any]]:
    """`rivals`; of a run before they were a list, those that it compared, each with what it knew.

    Such a run compared only its baseline with the candidate, and the others with the baseline.
    """
    found = results.get("rivals") or []
    if isinstance(found, list):
        return found
    comparison = results.get("comparison") or {}
    baseline = comparison.get("baseline")
    rows = [dict(_RIVAL, name=name, acceptable=_acceptable(results, name)) for name in found]
    if baseline is not None:
        known = {key: comparison.get(key) for key in _COMPARED}
        acceptable = _acceptable(results, baseline)
        rows.insert(0, dict(_RIVAL, name=baseline, strongest=True, acceptable=acceptable) | known)
    return rows


def _acceptable(results: dict[str, Any], name: str) -> dict[str, Any] | None:
    return ((results.get("quality") or {}).get(name) or {}).get("acceptable")


_COMPARED = ("difference", "low_one_sided", "p_value", "n", "n_effective", "groups")
# A row of which nothing is known; what no run stored is None.
_RIVAL: dict[str, Any] = {
    "way": "model", "of": [], "measured": True, "strongest": False, "difference": dict.fromkeys(("value", "low", "high")),
    **dict.fromkeys(("low_one_sided", "p_value", "n", "n_effective", "groups", "facts", "cost_per_request")),
    **dict.fromkeys(("cost_per_usable_output", "payback_days", "npv", "npv_p50", "probability", "calls", "seconds", "why")),
}  # fmt: skip


def _read_facts(path: Path) -> dict[str, Any]:
    facts = _read_json(path) if path.exists() else {}
    return facts if isinstance(facts, dict) else {}


def _read_json(path: Path, advice: str = "") -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable as JSON ({error}).\n{advice}".rstrip()) from error


def _no_number(value: Any, place: str) -> str | None:
    """The path of the first NaN or infinite number, or None. JSON has no such numbers, but Python reads them."""
    if isinstance(value, float):
        return None if math.isfinite(value) else place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for key, item in items if (found := _no_number(item, f"{place}.{key}"))), None)


def _read_lines(path: Path, *needed: str) -> list[dict[str, Any]]:
    """The objects of a JSON lines file; [] if the file is missing. A truncated last line is ignored.

    Raises DataError if a line is not an object or lacks one of the needed keys.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            if number == len(lines):
                break
            raise DataError(f"{path}, line {number}: not readable as JSON ({error}).") from error
        if not isinstance(row, dict) or any(key not in row for key in needed):
            raise DataError(f"{path}, line {number}: expected an object with {' and '.join(needed)}.")
        rows.append(row)
    return rows


EXAMPLES = 3  # of each rule
_NAMES = ("row", "id", "outcome", "split", "rule", "evidence", "other_id", "similarity")


@dataclass(frozen=True)
class StoredCuration:
    """curate/summary.json, the dropped rows, and run.json (empty if there is none).

    dropped: the first rows that each rule dropped, as in the ledger; the column `n` counts all that the rule dropped.
    """

    path: Path
    summary: dict[str, Any]
    dropped: pl.DataFrame
    facts: dict[str, Any]


def find_curation(run: Path) -> bool:
    """Whether the run was curated completely: the summary is written last."""
    return (run / "curate" / "summary.json").is_file()


def read_curation(run: Path) -> StoredCuration:
    """Reads the curated run in a folder.

    Raises:
        DataError: a part is missing or damaged.
    """
    files = ledger_files(run)
    dropped = _dropped_of(files)
    facts = _read_object(run / "run.json") if (run / "run.json").is_file() else {}
    return StoredCuration(run, _read_object(run / "curate" / "summary.json"), dropped, facts)


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
    try:
        ledger = pl.scan_parquet(file)
        missing = [name for name in _NAMES if name not in ledger.collect_schema()]
        if not missing:
            return ledger.filter(pl.col("outcome") != "kept").select(_NAMES).sort("row").collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file}: cannot be read ({_first_line(error)}).\nRun `tuneworth curate` again.") from None
    raise DataError(f"{file}: has no column {', '.join(missing)}.\nRun `tuneworth curate` again.")


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
    wanted = {json.dumps(name, ensure_ascii=False) for name in ids}
    found: dict[str, dict[str, Any]] = {}
    for path in files:
        if len(found) == len(wanted) or not path.is_file():
            continue
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                # A line starts with {"id": "...", "input": ; only the requested lines are parsed.
                if line[7 : line.find(', "input": ')] in wanted:
                    pair = _pair(line, f"{path}, line {number}")
                    found[pair["id"]] = pair
    return found


def _pair(line: str, where: str) -> dict[str, Any]:
    try:
        return json.loads(line)
    except ValueError as error:
        raise DataError(
            f"{where}: not readable as JSON ({_first_line(error)}).\nRun `tuneworth curate` again."
        ) from None


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: not readable as JSON ({_first_line(error)}).\nRun `tuneworth curate` again."
        ) from None
    if not isinstance(value, dict):
        raise DataError(f"{path}: expected an object.\nRun `tuneworth curate` again.")
    return value


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


# The errors that data of an unexpected shape can raise; the verdict's clauses assert what every verdict contains.
_SHAPE = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError, jinja2.UndefinedError,
    pl.exceptions.PolarsError,
)  # fmt: skip


@contextmanager
def damage_is_named(file: Path, *, by: str) -> Iterator[None]:
    """Turns an error caused by data of an unexpected shape into one about the file, which command `by` writes.

    Raises:
        DataError: what is missing, and the code that needed it.
    """
    try:
        yield
    except _SHAPE as error:
        missed = f"no key {error}" if isinstance(error, KeyError) else str(error)
        missed = " ".join(missed.split())[:200]  # the error may contain a long text from the file
        frames = traceback.extract_tb(error.__traceback__)
        needed = [frame for frame in frames if Path(frame.filename).is_relative_to(Path(__file__).parent)][-1]
        raise DataError(
            f"{file}: a part is missing or has an unexpected form: {missed} ({Path(needed.filename).name}, line "
            f"{needed.lineno}).\nRun `tuneworth {by}` again. If this version wrote the file, please report a bug."
        ) from error
