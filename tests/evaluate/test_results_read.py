"""results.json as records: what is read is what was written, earlier runs are read too, and damage has a place."""

import json
from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import DataError, as_json, read_record
from tuneworth.curate import Curation
from tuneworth.evaluate.results import Results, read_results

GONE = {"outputs_alike"}  # no reader ever used it
EARLIER = Path(__file__).parent / "earlier"
LEAST: dict[str, Any] = {"schema": "tuneworth/results/1", "project": "", "created": ""}


def read(folder: Path, **parts: Any) -> Results:
    (folder / "results.json").write_text(json.dumps(LEAST | parts), encoding="utf-8")
    return read_results(folder)


def same_where_given(given: Any, found: Any) -> bool:
    """Whether the second value has all that the first has."""
    if isinstance(given, dict):
        return all(value is None or key in GONE or same_where_given(value, found[key]) for key, value in given.items())
    if isinstance(given, list):
        return len(given) == len(found) and all(map(same_where_given, given, found))
    return given == found


@pytest.mark.parametrize("file", sorted(EARLIER.glob("*.results.json")), ids=lambda file: file.name[:10])
def test_results_of_earlier_versions_lose_nothing(file: Path, tmp_path: Path) -> None:
    given = json.loads(file.read_text(encoding="utf-8"))
    found = as_json(read(tmp_path, **given))
    given["rivals"] = given["rivals"] if isinstance(given.get("rivals"), list) else None
    assert same_where_given(given, found)
    assert as_json(read(tmp_path, **found)) == found


@pytest.mark.parametrize("file", sorted(EARLIER.glob("*.summary.json")), ids=lambda file: file.name[:10])
def test_summaries_of_earlier_versions_lose_nothing(file: Path) -> None:
    found = read_record(file, "curate/summary.json", Curation)
    assert same_where_given(json.loads(file.read_text(encoding="utf-8")), as_json(found))


def test_rivals_before_they_were_rows_have_what_the_comparison_knew(tmp_path: Path) -> None:
    share = {"share": 0.5, "low": 0.4, "high": 0.6}
    quality = {name: {"n": 3, "samples": 1, "acceptable": share, "consistent": share, "faithful": share, "unstable": share}
               for name in ("a", "b", "c")}  # fmt: skip
    text = (EARLIER / "2026-11-25.results.json").read_text(encoding="utf-8")
    compared = json.loads(text)["comparison"] | {"baseline": "b", "candidate": "c"}
    found = read(tmp_path, quality=quality, comparison=compared, rivals={"a": {}})
    assert [(row.name, row.strongest, row.p_value) for row in found.rivals] == [
        ("b", True, compared["p_value"]), ("a", False, None),
    ]  # fmt: skip


@pytest.mark.parametrize(("parts", "said"), [
    ({"schema": "other/1"}, "expected the schema 'tuneworth/results/1', found 'other/1'"),
    ({"quality": {"tuned": {"n": -1}}}, '"quality.tuned.n" is -1, which is less than the minimum of 0'),
    ({"quality": {"tuned": {"n": "3"}}}, '"quality.tuned.n" is "3"; expected a whole number'),
    ({"project": None}, '"project" is null; expected a text'),
    ({"gates": [{"gate": "a >= 1", "value": 1}]}, '"gates.0" lacks the key "holds"'),
    ({"money": {"payback_days": float("inf")}}, "money.payback_days is not a finite number"),
    ({"money": []}, '"money" is a list; expected an object'),
], ids=range(7))  # fmt: skip
def test_damage_has_a_place(parts: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as found:
        read(tmp_path, **parts)
    assert said in str(found.value)


def test_no_results_are_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"results.json: file not found.\nRun `tuneworth evaluate` first."):
        read_results(tmp_path)
