"""Files of a run as bad days leave them: a page, or one error that names the file; never another exception."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tuneworth import __version__
from tuneworth.core import DataError
from tuneworth.curate import curate, write_curated
from tuneworth.reports import read_run, write_report

from ..shared import unsealed

WRONG: dict[str, Any] = {
    "null": None, "a text": "x", "a number": -7, "a list": [None], "an object": {}, "not a number": float("nan"),
    "endless": float("inf"), "huge": 1e300,
}  # fmt: skip


def paths(value: Any, depth: int, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places in nested data; of a list, its first item's."""
    if depth:
        items = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
        for key, item in items:
            yield (*at, key)
            yield from paths(item, depth - 1, (*at, key))


def altered(results: dict[str, Any], place: tuple[Any, ...], change: Callable[[Any, Any], None]) -> dict[str, Any]:
    """The results with a change at the place; they share with the given ones what lies elsewhere."""
    changed: dict[str, Any] = copy.copy(results)
    part: Any = changed
    for key in place[:-1]:
        part[key] = copy.copy(part[key])
        part = part[key]
    change(part, place[-1])
    return changed


def shortened(run: Path) -> dict[str, Any]:
    """The run's results, and a few rows left of its outputs, so that a page takes no time."""
    results = json.loads((unsealed(run) / "results.json").read_text(encoding="utf-8"))
    for scored in results["quality"].values():
        scored["n"] = 3
    for path in (run / "evaluate").glob("*.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = list(dict.fromkeys(json.loads(line)["id"] for line in lines))[:3]
        path.write_text("".join(line for line in lines if json.loads(line)["id"] in kept), encoding="utf-8")
    return results


def of_another_version(results: dict[str, Any]) -> dict[str, Any]:
    """The results as if another version of Tuneworth had written them."""
    return altered(results, ("provenance", "versions", "tuneworth"), lambda part, key: part.__setitem__(key, "0.0.9"))


def page_or_error(run: Path, results: dict[str, Any], place: tuple[Any, ...], name: str = "results.json") -> bool:
    """Whether the results gave a page; an error must be one of the file in three lines at most."""
    (run / name).write_text(json.dumps(results), encoding="utf-8")
    said = ""
    try:
        write_report(run)
    except DataError as error:
        said = str(error)
    except Exception as error:
        raise AssertionError(f"{place}: {error!r}") from error
    assert not said or said.startswith((str(run / name), str(run / "evaluate"))), place  # each may contradict the other
    assert said.count("\n") <= 2, place
    return not said


@pytest.mark.slow(10)
def test_any_one_part_may_be_missing_and_a_sample_of_those_within_two_others(
    evaluated_run: Callable[..., Path],
) -> None:
    run = evaluated_run(n=42, variants=("plain", "prompted", "short", "rival", "tuned"))
    results = of_another_version(shortened(run))
    deep = [place for place in paths(results, 3) if len(place) == 3]
    places = [*paths(results, 2), *deep[::8]]
    given = [page_or_error(run, altered(results, place, lambda part, key: part.pop(key)), place) for place in places]
    assert len(places) > 150
    assert sum(given) > 0.7 * len(places)


def refusal(run: Path, results: dict[str, Any], place: tuple[Any, ...]) -> str:
    """Why results without what is at this place are refused; empty if they are read."""
    changed = altered(results, place, lambda part, key: part.pop(key))
    (run / "results.json").write_text(json.dumps(changed), encoding="utf-8")
    try:
        read_run(run)
    except DataError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("place", "said"), [
    (("quality", "tuned", "n"), '"quality.tuned" lacks the key "n"'),
    (("comparison", "candidate"), '"comparison" lacks the key "candidate"'),
    (("rivals", 0, "name"), '"rivals.0" lacks the key "name"'),
    (("money", "currency"), '"money" lacks the key "currency"'),
    (("style", "discrimination", "own"), '"style.discrimination" lacks the key "own"'),
])  # fmt: skip
def test_what_the_readers_need_of_another_version_is_named(
    evaluated_run: Callable[..., Path], place: tuple[Any, ...], said: str
) -> None:
    run = evaluated_run(n=42)
    results = of_another_version(shortened(run))
    assert said in refusal(run, results, place)


@pytest.mark.slow(15)
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_part_within_a_part_of_another_kind_gives_a_page_or_an_error(
    evaluated_run: Callable[..., Path], wrong: Any
) -> None:
    assert each_of_another_kind(evaluated_run(n=42), wrong, depth=3, of=16) > 18


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_part_of_another_kind_gives_a_page_or_an_error(make_run: Callable[..., Path], wrong: Any) -> None:
    assert each_of_another_kind(make_run(n=3), wrong, depth=1) > 10


def each_of_another_kind(run: Path, wrong: Any, *, depth: int, of: int = 1) -> int:
    """How many places were tried, each in turn with what is wrong there; the run as it was still gives a page.

    With `of`, one place of so many, others for each of what is wrong.
    """
    results = shortened(run)
    places = list(paths(results, depth))[list(WRONG.values()).index(wrong) % of :: of]
    for place in places:
        page_or_error(run, altered(results, place, lambda part, key: part.__setitem__(key, wrong)), place)
    assert page_or_error(run, results, ())
    return len(places)


@pytest.mark.slow
def test_what_newer_versions_added_may_be_missing_as_a_whole(evaluated_run: Callable[..., Path]) -> None:
    run = evaluated_run(n=42)
    added = {
        "confidence",
        "distributions",
        "formula_inputs",
        "payback_distribution",
        "gates",
        "inputs",
        "next",
        "roles",
    }

    def older(value: Any) -> Any:
        if isinstance(value, list):
            return [older(item) for item in value]
        return (
            {key: older(item) for key, item in value.items() if key not in added} if isinstance(value, dict) else value
        )

    for name in ("results.json", "run.json"):
        path = run / name
        text = path.read_text(encoding="utf-8").replace(f'"tuneworth": "{__version__}"', '"tuneworth": "0.0.9"')
        path.write_text(json.dumps(older(json.loads(text))), encoding="utf-8")
    assert "pays back" in write_report(run)[0].read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(("file", "content", "said"), [
    ("results.json", "[" * 100_000, "not readable as JSON"),
    ("results.json", '{"schema": "tuneworth/results/1", "quality": 5}', '"quality" is 5; expected an object'),
    (
        "results.json", '{"schema": "tuneworth/results/1", "quality": {"tuned": {"acceptable": 1}}}',
        '"quality.tuned.acceptable" is 1; expected an object',
    ),
    ("results.json", json.dumps({"schema": "x" * 100_000}), "expected the schema 'tuneworth/results/1'"),
    ("results.json", json.dumps({"schema": "tuneworth/results/1", "quality": {"t": "x\ny" * 50_000}}), "expected an object"),
    ("run.json", "[" * 100_000, "not readable as JSON"),
    ("evaluate/outputs.jsonl", '{"id": "a", "variant": "b", "output": null}\n[1]\n', "line 2: it is a list; expected an object"),
    ("evaluate/outputs.jsonl", '{"id": "a"}\n', 'line 1: lacks the key "variant"'),
    ("evaluate/outputs.jsonl", "null\n", "line 1: it is null; expected an object"),
    ("evaluate/pairs.jsonl", '{"input": "a"}\n', 'line 1: lacks the key "id"'),
    ("evaluate/outputs.jsonl", None, "cannot be read"),
    ("results.json", None, "cannot be read"),
    ("run.json", None, "cannot be read"),
])  # fmt: skip
def test_a_damaged_file_is_named(evaluated_run: Callable[..., Path], file: str, content: str | None, said: str) -> None:
    path = evaluated_run(n=42) / file
    path.unlink()
    if content is None:
        path.mkdir()  # what cannot be read, for every user
    else:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=said) as found:
        write_report(path.parents[file.count("/")])
    assert str(path) in str(found.value)
    assert len(str(found.value)) < 800
    assert len(str(found.value).splitlines()) <= 3


def test_bare_results_give_a_page(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(
        '{"schema": "tuneworth/results/1", "project": "p", "created": "2026-11-25"}', encoding="utf-8"
    )
    assert "No outputs were scored" in write_report(tmp_path)[0].read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong", [None, "x", [None], {}, -7], ids=["null", "a text", "a list", "an object", "a number"]
)
def test_a_damaged_summary_of_curated_data_gives_a_page_or_an_error(tmp_path: Path, wrong: Any) -> None:
    rows = [{"input": f"part {n} of kind {n * n}", "output": f"{n % 7} volts", "id": f"{n}"} for n in range(40)]
    write_curated(curate(rows + rows[:9]), tmp_path)
    name = "curate/summary.json"
    summary = json.loads((tmp_path / name).read_text(encoding="utf-8"))
    for place in paths(summary, 2):
        page_or_error(tmp_path, altered(summary, place, lambda part, key: part.__setitem__(key, wrong)), place, name)
    assert page_or_error(tmp_path, summary, (), name)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_what_is_no_number_is_named(make_run: Callable[..., Path], number: str) -> None:
    run = make_run(n=3)
    text = (run / "results.json").read_text(encoding="utf-8")
    (run / "results.json").write_text(
        text.replace('"payback_days": 14.0', f'"payback_days": {number}'), encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"results\.json: money\.payback_days is not a finite number"):
        write_report(run)


@pytest.mark.slow
@pytest.mark.parametrize("horizon", [1e300, 36_526, -1])
def test_a_horizon_without_end_is_named_and_not_counted_through(
    evaluated_run: Callable[..., Path], horizon: float
) -> None:
    run = evaluated_run(n=42)
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    results["money"]["formula_inputs"]["horizon_days"] = horizon
    assert not page_or_error(run, results, ("money", "formula_inputs", "horizon_days"))


@pytest.mark.slow
@pytest.mark.parametrize("lost", [1, 42, 60, 84])
def test_outputs_that_were_cut_at_the_end_of_a_line_are_named(evaluated_run: Callable[..., Path], lost: int) -> None:
    run = evaluated_run(n=42)
    file = run / "evaluate" / "outputs.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-lost]))
    with pytest.raises(DataError, match=r'outputs\.jsonl: ".*" has outputs for \d+ of 42 requests'):
        read_run(run)
