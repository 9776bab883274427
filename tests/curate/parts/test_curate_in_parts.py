"""Curating in parts: what candidates miss leaves by the certificate; what goes wrong between parts is one message."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from tuneworth.core import DataError, RunBroken, as_json
from tuneworth.curate import (
    CurateRequest,
    CurateSettings,
    DataSettings,
    Job,
    Override,
    PinnedSplits,
    Recount,
    bucket_count,
    curate,
    curate_files,
    file_parts,
    find_files,
    fingerprint,
    open_storage,
    read_pairs,
    write_parts,
)
from tuneworth.curate.match.candidates import band_keys, expected_recall
from tuneworth.curate.match.join import similar_pairs
from tuneworth.curate.match.ngrams import gram_sets
from tuneworth.curate.parts.storage import Done, Storage
from tuneworth.curate.parts.tasks import Result, Task
from tuneworth.style import read_style

from .both_ways import assert_equal, in_parts, messy, on_one_machine, write_files
from .here import Here

LETTERS = "abcdefghijklmnopqrstuvwxyz"
# A text of n different grams, and one with another letter so near its end that k of them differ, have (n - k) / (n + k).
AT = {0.8: (36, 4), 0.85: (37, 3)}  # threshold: (n, k)


def at_threshold(threshold: float, count: int) -> tuple[list[str], list[str]]:
    """Pairs of texts whose similarity is the threshold exactly, but for a text now and then with a gram twice."""
    grams, changed = AT[threshold]
    chance, left, right = random.Random(4), [], []
    for _ in range(count):
        letters = "".join(chance.choices(LETTERS, k=grams + 4))
        text = "".join(" " if place % 6 == 5 else letter for place, letter in enumerate(letters))  # words: no label
        other = chance.choice(LETTERS.replace(text[-changed], ""))
        left.append(text)
        right.append(f"{text[:-changed]}{other}{text[len(text) - changed + 1 :]}")
    return left, right


def missed(threshold: float, left: Sequence[str], right: Sequence[str]) -> np.ndarray:
    """Positions of the pairs that no band proposes."""
    return np.flatnonzero(~(band_keys(left, threshold) == band_keys(right, threshold)).any(axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.8, 0.85])
def test_of_pairs_at_the_threshold_no_more_are_missed_than_is_said(threshold: float) -> None:
    count = 50_000
    left, right = at_threshold(threshold, count)
    exact = similar_pairs(gram_sets([*left, *right]), threshold)
    at = exact.shared * 20 == exact.union * round(threshold * 20)
    assert at.sum() >= 0.99 * count
    alike = exact.left[exact.right == exact.left + count]
    lost = np.intersect1d(missed(threshold, left, right), alike)
    chance = 1 - expected_recall(threshold)
    assert len(lost) <= binom.ppf(1 - 1e-6, len(alike), chance)
    assert len(lost) >= binom.ppf(1e-6, len(alike), chance)


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs that candidates miss, one of each in train, the other held out; copies of them, and rows apart from them."""
    left, right = at_threshold(0.85, 25_000)
    rows: list[dict[str, Any]] = []
    for n, place in enumerate(missed(0.85, left, right)[:3].tolist()):
        held = ("test", "validation", "test")[n]
        rows += [
            {"id": f"train-{n}", "input": left[place], "output": f"the answer {n}", "split": "train"},
            {"id": f"held-{n}", "input": right[place], "output": f"the answer {n}", "split": held},
            {"id": f"copy-{n}", "input": left[place].capitalize(), "output": f"The answer {n}", "split": "train"},
        ]
    assert len(rows) == 9
    rows += [
        {
            "id": f"other-{n}",
            "input": left[n][::-1],
            "output": f"another one, {n}",
            "split": ("train", "test")[n % 5 == 0],
        }
        for n in range(60)
    ]
    # A pair that the candidates find; people decide to keep both.
    rows += [
        {
            "id": f"near-{n}",
            "input": "a lamp of brass for the desk of a friend" + "!" * n,
            "output": "Lamp",
            "split": split,
        }
        for n, split in enumerate(["train", "test"])
    ]
    path = tmp_path_factory.mktemp("leaking") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("most_bytes", "buckets"), [(500, 5), (None, 1)])
def test_what_candidates_miss_leaves_by_the_certificate(
    leaking: Path, tmp_path: Path, most_bytes: int | None, buckets: int
) -> None:
    decided = [Override(id=name, decision="keep") for name in ("near-0", "near-1", "train-1")]
    asked: dict[str, Any] = {"near_duplicate": 0.85, "overrides": decided}
    one = on_one_machine(leaking, tmp_path / "one", **asked)
    many = in_parts(leaking, tmp_path / "many", most_bytes=most_bytes, buckets=buckets, executor=Here(), **asked)
    assert_equal(one, many, tmp_path / "one", tmp_path / "many")
    assert not isinstance(one, str)
    rows = {row["id"]: row for row in one[0].iter_rows(named=True)}
    for n in range(3):
        train, held, copy = (rows[f"{name}-{n}"] for name in ("train", "held", "copy"))
        first = copy if train["other_id"] == f"copy-{n}" else train  # of two copies either is the one that stood there
        assert [row["outcome"] for row in (train, copy, held)] == ["leaked", "leaked", "kept"]
        assert (first["other_id"], first["similarity"], first["split"]) == (f"held-{n}", 0.85, None)
        stated = f'Stated for train, but repeats "held-{n}", which is stated for {held["split"]}. '
        assert first["evidence"].startswith(stated)
        assert f'to "held-{n}" of {held["split"]}: missed by the candidates' in first["evidence"]
    assert one[1]["certificate"]["pairs_at_or_above"] == 0
    for name in ("near-0", "train-1"):
        assert rows[name]["evidence"].count("leaking comes first") == 1
    exact = curate(read_pairs(leaking), settings=CurateSettings(method="exact", near_duplicate=0.85))
    kept = one[0].filter(one[0]["outcome"] == "kept")["id"].to_list()
    assert exact.ledger.filter(exact.ledger["outcome"] == "kept")["id"].to_list() == kept


# --- between parts --------------------------------------------------------------------------------------------------


class Interrupted(Here):
    """Does something once so many tasks are through."""

    def __init__(self, after: int, what: Callable[[], None]) -> None:
        self.left, self.what = after, what

    def carry_out(self, storage: Storage, tasks: Sequence[Task], *, store: bool) -> Iterator[tuple[int, Done | Result]]:
        for ended in super().carry_out(storage, tasks, store=store):
            self.left -= 1
            if not self.left:
                self.what()
            yield ended


class Broken(Exception):
    """What stands for a power cut."""


def break_off() -> None:
    raise Broken


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_files(tmp_path / "data", messy(80, 3))


def job_of(data: Path, store: Path, executor: Here, asked: CurateRequest, *, partitions: int | None = None) -> Job:
    """The job that the command would open."""
    known = DataSettings(path=str(data))
    parts = file_parts(find_files(str(data)), known)
    facts = fingerprint(parts, known, asked, seed=0, partitions=partitions)
    return Job.open(open_storage(store), facts, executor=executor)


def curated(
    data: Path, store: Path, run: Path, *, executor: Here | None = None, asked: CurateRequest, buckets: int = 3
) -> Any:
    """Ledger and summary of one call of the command: broken off, or whole."""
    with job_of(data, store, executor or Here(), asked) as job:
        known = DataSettings(path=str(data))
        found = curate_files(
            job,
            data,
            known,
            asked,
            pinned=PinnedSplits(),
            seed=0,
            buckets=bucket_count(job, buckets),
            parts=file_parts(find_files(str(data)), known),
        )
        write_parts(found, run, each=job.each)
        job.remove()
    return found.ledger, as_json(found.curation)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda file: file.unlink(), "was deleted"),
        (lambda file: file.write_bytes(file.read_bytes() + b"1,2\n"), "changed"),
    ],
)
def test_a_file_that_changes_between_parts_is_said(data: Path, tmp_path: Path, change: Any, text: str) -> None:
    asked, run = CurateRequest(None, CurateSettings()), tmp_path / "run"
    executor = Interrupted(2, lambda: change(data / "d.csv"))
    with pytest.raises(DataError, match=f"d.csv: .*{text}"):
        curated(data, tmp_path / "store", run, executor=executor, asked=asked)
    assert not run.exists()
    write_files(tmp_path / "mended", messy(80, 3))
    (data / "d.csv").write_bytes((tmp_path / "mended" / "d.csv").read_bytes())
    one = on_one_machine(data, tmp_path / "one")
    many = curated(data, tmp_path / "store", run, asked=asked)
    assert_equal(one, many, tmp_path / "one", run)


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 6, 30])
def test_a_job_broken_off_goes_on_with_another_number_of_workers(data: Path, tmp_path: Path, after: int) -> None:
    asked = CurateRequest(None, CurateSettings(mask=True))
    one = on_one_machine(data, tmp_path / "one", mask=True)
    with pytest.raises(Broken):
        curated(data, tmp_path / "store", tmp_path / "run", executor=Interrupted(after, break_off), asked=asked)
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("done.json")}
    assert len(done) >= after - 4  # a task that looks up rows stores nothing
    seen: dict[Path, int] = {}
    look = Interrupted(30, lambda: seen.update({path: path.stat().st_mtime_ns for path in done}))
    # As many buckets as another cluster would have: the job keeps its own.
    many = curated(data, tmp_path / "store", tmp_path / "run", executor=look, asked=asked, buckets=8)
    assert_equal(one, many, tmp_path / "one", tmp_path / "run")
    assert many[1]["cluster"]["buckets"] == 3
    assert not list((tmp_path / "store").rglob("done.json"))
    assert seen in ({}, done)


@pytest.mark.slow
def test_a_damaged_table_is_named_and_done_anew_once_it_is_deleted(data: Path, tmp_path: Path) -> None:
    asked, run = CurateRequest(None, CurateSettings()), tmp_path / "run"
    one = on_one_machine(data, tmp_path / "one")
    with pytest.raises(Broken):
        curated(data, tmp_path / "store", run, executor=Interrupted(12, break_off), asked=asked)
    (table,) = (tmp_path / "store").rglob("measure/00001/texts pairs.*.arrow")
    table.write_bytes(b"\0" * table.stat().st_size)
    with pytest.raises(RunBroken, match=r"(?s)measure/00001/texts pairs.*is damaged.*\nDelete .*measure/00001 and run"):
        curated(data, tmp_path / "store", run, asked=asked)
    assert not run.exists()
    for path in table.parent.iterdir():
        path.unlink()
    assert_equal(one, curated(data, tmp_path / "store", run, asked=asked), tmp_path / "one", run)


def test_what_parts_depend_on_makes_another_job(data: Path, tmp_path: Path) -> None:
    rules, path = tmp_path / "rules.py", tmp_path / "style.yaml"
    rules.write_text("def short(output, pair):\n    return None\n", encoding="utf-8")
    path.write_text("name: Own\nchecks:\n  - {kind: python, call: rules.short, id: short}\n", encoding="utf-8")
    known, parts = DataSettings(path=str(data)), file_parts(find_files(str(data)), DataSettings(path=str(data)))

    def facts(**changed: Any) -> str:
        asked = CurateRequest(read_style(path, allow_code=True), CurateSettings(**changed))
        return json.dumps(fingerprint(parts, known, asked, seed=0, partitions=None), sort_keys=True)

    before = facts()
    assert facts() == before
    assert facts(mask=True) != before
    rules.write_text("def short(output, pair):\n    return 'long'\n", encoding="utf-8")
    assert facts() != before


@pytest.mark.slow
def test_a_recount_drops_what_candidates_miss(leaking: Path) -> None:
    raw, settings = read_pairs(leaking), CurateSettings(method="candidates", near_duplicate=0.85)
    recount = Recount.of(raw, CurateRequest(None, settings), pinned=PinnedSplits(), seed=0)
    leaked = []
    for dropped in ([], ["held-0"], ["train-1", "copy-1"], ["held-0", "train-1", "copy-1"]):
        decided = [Override(id=name, decision="drop") for name in dropped]
        counts, summary = recount.counts(decided), curate(raw, settings=settings, overrides=decided).summary
        assert (counts.outcomes, counts.splits) == (summary["outcomes"], summary["splits"])
        leaked.append(counts.outcomes["leaked"])
    assert leaked == [7, 5, 5, 3]
