"""The list of runs: what each found, what changed, what is damaged, and how little is read."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth import ConfigError, DataError
from tuneworth.project import list_runs

from ..shared import unsealed
from .made_runs import made_project, made_run, run_name, sha

_WATCHED: list[list[str]] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _WATCHED and isinstance(arguments[0], str | os.PathLike):
        _WATCHED[-1].append(os.fspath(arguments[0]))


sys.addaudithook(_note)


@contextmanager
def opened_files() -> Iterator[list[str]]:
    """The paths of the files of runs that are opened in the block."""
    _WATCHED.append(found := [])
    try:
        yield found
    finally:
        _WATCHED.pop()
        found[:] = [path for path in found if "/runs/" in path and path.endswith(".json")]


def test_a_run_is_listed_with_what_its_files_say(tmp_path: Path) -> None:
    run = made_run(made_project(tmp_path / "p"), 3, data="a", style="b", uses=4)
    (entry,) = list_runs(tmp_path / "p")
    assert (entry.name, entry.created, entry.stage) == (run_name(3), "2026-10-03T12:00:00+00:00", "evaluated")
    assert (entry.decision, entry.label, entry.confidence) == ("fine-tune", "Fine-tune", "fair")
    assert (entry.data, entry.style, entry.model_name) == (sha("a"), sha("b"), "small")
    assert entry.baseline
    assert entry.candidate
    assert (entry.baseline.acceptable, entry.baseline.cost) == (0.5, 0.08)
    assert (entry.candidate.acceptable, entry.candidate.low, entry.candidate.cost) == (0.8, pytest.approx(0.7), 0.02)
    assert (entry.pays_back, entry.payback_days, entry.payback_low, entry.payback_high) == (True, 20, 10, 40)
    assert (entry.uses, entry.train_pairs, entry.damage) == (4, 40, "")
    assert entry.disk_bytes == sum(file.stat().st_size for file in run.rglob("*") if file.is_file())


def test_the_newest_run_comes_first_whatever_its_name(tmp_path: Path) -> None:
    project = made_project(tmp_path, 3)
    made_run(project, 2, name="zz")
    assert [entry.name for entry in list_runs(project)] == [run_name(3), "zz", run_name(2), run_name(1)]


def test_a_payback_that_never_comes_is_not_one_that_is_unknown(tmp_path: Path) -> None:
    project = made_project(tmp_path)
    made_run(project, 1, payback=None)
    made_run(project, 2, results=False)
    assert [entry.pays_back for entry in list_runs(project)] == [None, False]


def test_stages_follow_from_the_files(tmp_path: Path) -> None:
    project = made_project(tmp_path)
    run = made_run(project, 1, results=False)
    assert list_runs(project)[0].stage == "curated"
    (run / "train" / "adapter").mkdir(parents=True)
    (run / "train" / "adapter" / "adapter_config.json").write_text("{}")
    assert list_runs(project)[0].stage == "curated"  # it still trains
    (run / "train" / "summary.json").write_text("{}")
    assert list_runs(project)[0].stage == "trained"
    (run / "curate" / "summary.json").unlink()
    (run / "train" / "summary.json").unlink()
    assert list_runs(project)[0].stage == "started"


def test_changes_are_those_since_the_last_run_that_knows(tmp_path: Path) -> None:
    project = made_project(tmp_path)
    made_run(project, 1)
    made_run(project, 2, data="more pairs")
    unknown = made_run(project, 3, data="more pairs") / "run.json"
    facts = json.loads(unknown.read_text())
    unknown.write_text(json.dumps(facts | {"inputs": [], "config": {}}))
    made_run(project, 4, data="more pairs", style="strict", price=2, model="large")
    made_run(project, 5, data="more pairs", style="strict", price=2, model="large")
    changed = [entry.changed for entry in list_runs(project)]
    assert changed == [(), ("style", "prices", "model"), (), ("data",), ()]


def test_the_prices_are_those_of_the_last_verdict(tmp_path: Path) -> None:
    project = made_project(tmp_path, 2)
    record = project / "runs" / run_name(2) / "run.json"
    same = {"roi.requests_per_day": 100, "roi.tuned.price_input": 1, "evaluate.margin": 0.1, "style": "x"}
    for stated, changed in ((same, ()), (same | {"roi.requests_per_day": 200}, ("prices",))):
        record.write_text(json.dumps(json.loads(record.read_text()) | {"decided": {"stated": stated}}))
        assert list_runs(project)[0].changed == changed


def test_several_files_of_the_data_have_one_fingerprint_in_any_order(tmp_path: Path) -> None:
    found = []
    for day, order in ((1, (0, 1)), (2, (1, 0))):
        record = made_run(made_project(tmp_path), day) / "run.json"
        files = [{"role": "pairs", "path": "x", "sha256": sha(str(n))} for n in order]
        record.write_text(json.dumps(json.loads(record.read_text()) | {"inputs": files}))
        found.append(list_runs(tmp_path)[0].data)
    assert found[0] == found[1] not in (sha("0"), sha("1"))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no record": (lambda run: (run / "run.json").unlink(), "it has no run.json"),
    "a record cut off": (lambda run: (run / "run.json").write_text('{"created": '), "run.json is damaged"),
    "a list": (lambda run: (run / "run.json").write_text("[]"), "run.json: it is not as expected: expected object, got array"),
    "too deep": (lambda run: (run / "run.json").write_text("[" * 100_000), "nested too deeply"),
    "no time": (lambda run: (run / "run.json").write_text('{"created": "soon"}'), "created is not a time: 'soon'"),
    "the year 1": (lambda run: (run / "run.json").write_text('{"created": "0001-01-01T00:00:00+14:00"}'), "not a time"),
    "inputs": (lambda run: (run / "run.json").write_text('{"inputs": [3]}'), "\"inputs.0\" is not as expected"),
    "not UTF-8": (lambda run: (run / "results.json").write_bytes(b"\xff\xfe\xff"), "results.json is damaged"),
    "another schema": (lambda run: (run / "results.json").write_text('{"schema": "x/9"}'), "found 'x/9'"),
    "a share as text": (lambda run: _set(run, "quality", {"x": {"acceptable": {"share": "8"}}}), 'share" is not as expected'),
    "an endless number": (lambda run: _set(run, "money", {"payback_days": 10**400}), "results.json: "),
    "no number": (lambda run: _set(run, "money", {"payback_days": float("nan")}), "payback_days is not a finite number"),
    "a verdict that is a text": (lambda run: _set(run, "verdict", "yes"), '"verdict" is not as expected'),
    "a list of names": (lambda run: _set(run, "comparison", {"candidate": ["x"]}), "\"comparison.candidate\" is not as expected"),
    "a currency of a page": (lambda run: _set(run, "money", {"currency": "E" * 99}), "is not the code of a currency"),
    "counts": (lambda run: (run / "curate" / "summary.json").write_text('{"splits": 3}'), "\"splits\" is not as expected"),
}  # fmt: skip


def _set(run: Path, key: str, value: Any) -> None:
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps(results | {key: value}))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_listed_with_the_reason_and_stops_nothing(tmp_path: Path, damage: str) -> None:
    project = made_project(tmp_path, 3)
    harm, words = DAMAGES[damage]
    harm(project / "runs" / run_name(2))
    for _ in range(2):  # read, and read again with what is known of the others
        found = {entry.name: entry for entry in list_runs(project)}
        assert set(found) == {run_name(day) for day in (1, 2, 3)}
        assert words in found[run_name(2)].damage
        assert [found[run_name(day)].damage for day in (1, 3)] == ["", ""]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["tuned", "share", "acceptable", "value", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = [
    "quality",
    "verdict",
    "comparison",
    "money",
    "variants",
    "created",
    "config",
    "inputs",
    "decided",
    "test_set_used",
]


@given(st.sampled_from(KEYS), JSON)
def test_whatever_stands_in_the_files_the_list_is_complete(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: Any
) -> None:
    project = made_project(tmp_path_factory.mktemp("any"), 2)
    run = project / "runs" / run_name(1)
    for name in ("run.json", "results.json"):
        (run / name).write_text(json.dumps(json.loads((run / name).read_text()) | {key: value}))
    found = list_runs(project)
    assert [entry.name for entry in found] in ([run_name(2), run_name(1)], [run_name(1), run_name(2)])
    assert found[0].damage == "" or found[1].damage == ""
    assert json.loads(json.dumps(found.to_json()))["runs"][0]["name"]
    assert repr(found)


def test_a_lone_surrogate_in_a_text_is_no_damage(tmp_path: Path) -> None:
    run = made_run(made_project(tmp_path), 1)
    _set(run, "project", "\ud800")  # as an escape, which is valid JSON
    assert "\\ud800" in (run / "results.json").read_text()
    assert list_runs(tmp_path)[0].damage == ""


def test_links_to_runs_elsewhere_are_listed_and_links_to_siblings_are_not(tmp_path: Path) -> None:
    project, other = made_project(tmp_path / "p", 2), made_project(tmp_path / "other", 1)
    (project / "runs" / "latest").symlink_to(run_name(2))
    (project / "runs" / "theirs").symlink_to(other / "runs" / run_name(1))
    (project / "runs" / "gone").symlink_to(tmp_path / "nowhere")
    found = {entry.name: entry for entry in list_runs(project)}
    assert set(found) == {run_name(1), run_name(2), "theirs"}
    assert found["theirs"].link == str(other / "runs" / run_name(1))
    assert found["theirs"].disk_bytes == 0


def test_a_project_without_runs_is_an_empty_list_and_no_project_an_error(tmp_path: Path) -> None:
    assert len(list_runs(made_project(tmp_path / "p"))) == 0
    assert "No runs yet" in repr(list_runs(tmp_path / "p"))
    with pytest.raises(ConfigError, match=r"no tuneworth\.toml in"):
        list_runs(tmp_path)


def test_a_file_in_place_of_the_runs_is_an_error_with_its_reason(tmp_path: Path) -> None:
    made_project(tmp_path)
    (tmp_path / "runs").touch()
    with pytest.raises(DataError, match=r"runs cannot be read \(Not a directory\)"):
        list_runs(tmp_path)


# --- what is read ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_thousand_runs_are_read_once_and_then_only_those_that_changed(tmp_path: Path) -> None:
    project = made_project(tmp_path)
    (made_run(project, 1)).rename(project / "model-run")
    template = unsealed(project / "model-run")
    for number in range(1_000):
        run = project / "runs" / f"run-{number:04}"
        (run / "curate").mkdir(parents=True)
        for name in ("run.json", "results.json", "curate/summary.json"):
            os.link(template / name, run / name)
    with opened_files() as first:
        before = list_runs(project)
    # run.json twice, once for its id; and the cache, which is not there.
    assert len(first) == 4_000 + 1
    with opened_files() as second:
        assert list_runs(project) == before
    assert [Path(path).name for path in second] == [".index.json"]
    changed = project / "runs" / "run-0500" / "run.json"
    facts = json.loads(changed.read_text())
    changed.unlink()
    changed.write_text(json.dumps(facts | {"test_set_used": 77}))
    with opened_files() as third:
        after = {entry.name: entry.uses for entry in list_runs(project)}
    assert sorted(Path(path).name for path in third if not Path(path).name.startswith(".index.json.")) == [
        ".index.json", "results.json", "run.json", "run.json", "summary.json",
    ]  # fmt: skip
    assert after["run-0500"] == 77


@pytest.mark.parametrize("content", [b"", b"no\nsuch", b"\xff\x00", None])
def test_a_cache_that_is_damaged_or_deleted_changes_nothing(tmp_path: Path, content: bytes | None) -> None:
    project = made_project(tmp_path, 2)
    before, cache = list_runs(project), project / "runs" / ".index.json"
    whole = cache.read_bytes()
    if content is None:
        cache.unlink()
    else:
        cache.write_bytes(content)
    assert list_runs(project) == before
    assert cache.read_bytes() == whole


@given(st.data())
def test_one_changed_byte_of_the_cache_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    project = made_project(tmp_path_factory.mktemp("cache"), 2)
    before, cache = list_runs(project), project / "runs" / ".index.json"
    content = bytearray(cache.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    cache.write_bytes(bytes(content))
    assert list_runs(project) == before


def test_a_figure_changed_in_the_cache_is_noticed(tmp_path: Path) -> None:
    project = made_project(tmp_path, 2)
    before, cache = list_runs(project), project / "runs" / ".index.json"
    content = cache.read_bytes()
    cache.write_bytes(content.replace(b'"acceptable":0.8', b'"acceptable":0.1'))
    assert cache.read_bytes() != content
    assert list_runs(project) == before


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    project = made_project(tmp_path, 2)
    (project / "runs" / ".index.json").mkdir()
    assert len(list_runs(project)) == len(list_runs(project)) == 2


def test_a_list_prints_as_a_table_here_and_in_a_notebook(tmp_path: Path) -> None:
    found = list_runs(made_project(tmp_path, 2))
    assert repr(found).splitlines()[0].split() == [
        "run", "verdict", "baseline", "candidate", "payback", "test", "uses", "cost", "of", "both", "disk", "created",
        "data", "style",
    ]  # fmt: skip
    page = found._repr_html_()
    assert page.count("<tr>") == 3
    assert page.count("Fine-tune") == page.count("</td>") // page.count("</th>") == 2
    assert found[:1] == (found[0],)
