"""The style desk: what an edit changes is what checking the whole style before and after it finds."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.examples import example_path
from tuneworth.project import Run, curate_pairs
from tuneworth.review import StyleDesk, read_edits
from tuneworth.review.style.text import edited_style
from tuneworth.style import check_outputs, pair_columns, parse_style, read_style, with_row_values

from .together import run_together

WORDS = [
    "cheap",
    "pricey",
    "low",
    "price",
    "river",
    "side",
    "the",
    "pub",
    "bar",
    "DC-DC",
    "12 V",
    "3",
    "not",
    "Riverside",
    "costly",
]
STYLE = """# About places.
name: Places
wordings:
  price:
    low: [cheap]   # what people say
    high: [pricey]
  area: {riverside: [by the river]}
checks:
  - {kind: length, unit: words, max: 6}
  - {kind: forbidden, any: [bar]}
  - {kind: covers, fields: [price, area]}
  - {kind: contradicts, field: price}
  - {kind: contradicts, field: area, values: [riverside, centre], silent: true, id: area}
  - {kind: grounded, facts: [numbers, codes, names], level: should}
  - kind: known_words
    words: [the, pub]
  - {kind: vocabulary, preferred: {pub: [bar]}, ignore_case: true, level: should}
  - {kind: length, unit: tokens, max: 3, id: tokens}
"""  # fmt: skip


def write_project(folder: Path, rows: list[dict[str, Any]], style: str = STYLE) -> Run:
    """A project with a curated run of these rows, every fifth of which was set aside."""
    curate = folder / "runs" / "20261128-100000-abcd" / "curate"
    curate.mkdir(parents=True)
    (folder / "tuneworth.toml").write_text('[data]\npath = "pairs.jsonl"\n', encoding="utf-8")
    (folder / "style.yaml").write_text(style, encoding="utf-8")
    (curate.parent / "run.json").write_text("{}", encoding="utf-8")
    (curate / "summary.json").write_text("{}", encoding="utf-8")
    for name in ("train", "validation", "test", "set_aside"):
        own = [row for row in rows if name == (row["split"] or "set_aside")]
        text = "".join(json.dumps(row) + "\n" for row in own)
        (curate / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return Run(folder)


def row(number: int, output: str, fields: dict[str, Any] | None) -> dict[str, Any]:
    split = ["train", "validation", "test", "train", None][number % 5]
    shown = "a place" if fields is None else "\n".join(f"{name}: {value}" for name, value in fields.items())
    return {
        "id": f"row {number}", "input": shown, "fields": fields, "output": output, "written": None, "system": None,
        "group": None, "component": None, "row": number + 1, "split": split, "reference_ok": True, "meta": None,
        **({} if split else {"outcome": "rejected", "rule": "length"}),
    }  # fmt: skip


TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
FIELDS = st.none() | st.dictionaries(
    st.sampled_from(["price", "area"]), st.sampled_from(["low", "high", "riverside", "low price"])
)
ROWS = st.lists(st.tuples(TEXTS, FIELDS), min_size=1, max_size=30)
TRIES: list[dict[str, Any]] = [
    {"check": "length", "set": {"max": 3}}, {"check": "length", "set": {"max": None, "min": 2}},
    {"check": "length", "level": "should"}, {"check": "grounded", "level": "must"},
    {"check": "forbidden", "add": {"name": "any", "value": "river"}},
    {"check": "grounded", "add": {"name": "allow", "value": "12 V"}},
    {"check": "known_words", "add": {"name": "words", "value": "river"}},
    {"check": "known_words", "add": {"name": "allow", "value": "cheap pricey"}},
    {"check": "vocabulary", "add": {"name": "preferred: DC/DC", "value": "DC-DC"}},
    {"check": "covers", "add": {"name": "wordings: price: low", "value": "costly"}},
    {"check": "covers", "add": {"name": "wordings: price: low", "value": "low price"}},
    {"check": "covers", "add": {"name": "wordings: price: low", "value": "three"}},
    {"check": "area", "add": {"name": "wordings: area: riverside", "value": "Riverside"}},
    {"check": "contradicts", "add": {"name": "wordings: price: middle", "value": "price"}},
    {"check": "area", "add": {"name": "values", "value": "river"}},
    {"check": "area", "add": {"name": "near: centre", "value": "riverside"}},
    {"check": "tokens", "level": "should"},
]  # fmt: skip


def stated(style_text: str, rows: list[dict[str, Any]]) -> dict[str, tuple[str, set[str]]]:
    """What each row is by a whole style, and the checks that it breaks: the plain way, all at once."""
    pairs = pl.DataFrame(
        {"output": [r["output"] for r in rows], "input": [r["input"] for r in rows],
         "fields": [None if r["fields"] is None else json.dumps(r["fields"]) for r in rows]},
        schema=dict.fromkeys(("output", "input", "fields"), pl.String),
    )  # fmt: skip
    style = parse_style(style_text)
    status = check_outputs(pairs, with_row_values(style, pair_columns(pairs))).status
    levels = {check.id: check.level for check in style.checks}
    found = {}
    for one, results in zip(rows, status.iter_rows(named=True), strict=True):
        fails = {id_ for id_, word in results.items() if word == "fail"}
        unscored = {id_ for id_, word in results.items() if word == "unscored" and levels[id_] == "must"}
        must = any(levels[id_] == "must" for id_ in fails)
        word = "breaks" if must else "unscored" if unscored else "discouraged" if fails else "keeps"
        found[one["id"]] = word, fails
    return found


@pytest.mark.slow
@given(made=ROWS, tries=st.lists(st.sampled_from(TRIES), min_size=1, max_size=3, unique_by=json.dumps))
def test_what_edits_change_is_what_the_whole_style_finds_before_and_after(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[str, Any]], tries: list[dict[str, Any]]
):
    rows = [row(number, *one) for number, one in enumerate(made)]
    folder = tmp_path_factory.mktemp("desk")
    desk = StyleDesk(write_project(folder, rows))
    text = STYLE
    for edit in tries:  # each is saved, so that the next one starts from kept results
        found = desk.tried(read_edits([edit]), limit=1_000, seconds=None)
        before = stated(text, rows)
        desk.save(read_edits([edit]), found.stamp)
        text = (folder / "style.yaml").read_text(encoding="utf-8")
        after = stated(text, rows)
        both = [(one["id"], before[one["id"]], after[one["id"]]) for one in rows]
        assert Counter((change.id, change.before, change.after) for change in found.rows) == Counter(
            (id_, was[0], now[0]) for id_, was, now in both if was[0] != now[0]
        )
        assert found.changed == len(found.rows)
        assert found.breaks_now == sum(was[0] != "breaks" == now[0] for _, was, now in both)
        assert found.keeps_now == sum(was[0] == "breaks" != now[0] for _, was, now in both)
        for id_, (old, new) in found.checks.items():
            assert old == sum(id_ in was[1] for _, was, _ in both)
            assert new == sum(id_ in now[1] for _, _, now in both)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[StyleDesk, list[dict[str, Any]]]:
    """A desk that has counted 150 rows of all sorts once."""
    chance = random.Random(5)
    values = ["low", "high", "riverside", "low price", "river"]
    rows = []
    for number in range(150):
        fields = {name: chance.choice(values) for name in ("price", "area") if chance.random() < 0.7}
        text = " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, 8)))
        rows.append(row(number, text, fields if chance.random() < 0.9 else None))
    desk = StyleDesk(write_project(tmp_path_factory.mktemp("many"), rows))
    desk.rules()
    return desk, rows


@pytest.mark.slow
@pytest.mark.parametrize("edit", TRIES, ids=str)
def test_what_is_counted_again_of_many_rows_is_enough(
    many: tuple[StyleDesk, list[dict[str, Any]]], edit: dict[str, Any]
):
    desk, rows = many
    edits = read_edits([edit])
    found = desk.tried(edits, limit=1_000, seconds=None)
    before, after = stated(STYLE, rows), stated(edited_style(STYLE, edits)[0], rows)
    changed = {(id_, before[id_][0], after[id_][0]) for id_ in before if before[id_][0] != after[id_][0]}
    assert {(change.id, change.before, change.after) for change in found.rows} == changed
    broken = [Counter(id_ for _, fails in both.values() for id_ in fails) for both in (before, after)]
    assert found.checks == {id_: (broken[0][id_], broken[1][id_]) for id_ in found.checks}
    assert all(id_ in found.checks for id_ in broken[1] if broken[0][id_] != broken[1][id_])


@pytest.fixture
def places(tmp_path: Path) -> Run:
    rows = [row(number, " ".join(["pub"] * (number % 9 + 1)), {"price": "low"}) for number in range(40)]
    return write_project(tmp_path, rows)


def test_a_row_that_breaks_now_shows_where_and_why(places: Run):
    desk = StyleDesk(places)
    lenient = read_edits([{"check": "covers", "level": "should"}])
    found = desk.tried(lenient, limit=3)
    assert [(change.id, change.split) for change in found.rows] == [
        ("row 0", "train"),
        ("row 3", "train"),
        ("row 5", "train"),
    ]
    assert {(change.before, change.after) for change in found.rows} == {("breaks", "unscored")}  # tokens need a model
    assert found.rows[0].notes == ('covers: the output leaves out the price "low"',)
    desk.save(lenient, found.stamp)
    found = desk.tried(read_edits([{"check": "forbidden", "add": {"name": "any", "value": "pub"}}]), start=1, limit=1)
    [change] = found.rows
    assert (change.id, change.before, change.after) == ("row 3", "unscored", "breaks")
    assert change.output == (
        ("pub", "broken"),
        (" ", ""),
        ("pub", "broken"),
        (" ", ""),
        ("pub", "broken"),
        (" ", ""),
        ("pub", "broken"),
    )
    assert change.notes == ('forbidden: "pub" must not stand here',) * 4
    assert found.checks == {"forbidden": (0, 40)}
    assert "+  - {kind: forbidden, any: [bar, pub]}" in found.diff.splitlines()


def test_the_rules_have_their_counts_numbers_and_lists(places: Run):
    desk = StyleDesk(places)
    assert all(rule["fail"] is None for rule in desk.rules(wait=False))
    desk.warm().join()
    rules = {rule["id"]: rule for rule in desk.rules(wait=False)}
    lines = "".join(file.read_text(encoding="utf-8") for file in (places.folder / "curate").glob("*.jsonl"))
    rows = [json.loads(line) for line in lines.splitlines()]
    expected = Counter(id_ for _, fails in stated(STYLE, rows).values() for id_ in fails)
    assert {id_: rule["fail"] for id_, rule in rules.items()} == {id_: expected[id_] for id_ in rules}
    assert rules["length"]["share"] == expected["length"] / 40
    assert rules["length"]["numbers"] == [{"name": "min", "value": None}, {"name": "max", "value": 6}]
    assert {"name": "preferred: pub", "values": ["bar"]} in rules["vocabulary"]["lists"]
    assert {"name": "wordings: price: low", "values": ["cheap"]} in rules["contradicts"]["lists"]
    assert rules["covers"]["sentence"].startswith("Mention")


def test_a_row_counts_as_it_was_written_or_as_a_person_gave_it(tmp_path: Path):
    rows = [row(0, "pub", None) | {"written": "bar"}, row(1, "pub", None) | {"written": "bar bar"}]
    run = write_project(tmp_path, rows)
    line = {"id": "row 1", "decision": "keep", "text": "pub", "who": "ada", "when": "2026-11-28T10:00:00Z"}
    (tmp_path / "overrides.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert {rule["id"]: rule["fail"] for rule in StyleDesk(run).rules()}["forbidden"] == 1


def test_the_style_of_a_file_that_was_curated_alone_can_be_changed_too(
    pairs_file: Path, style_file: Path, tmp_path: Path
):
    curate_pairs(pairs_file, style_file, out=tmp_path / "out" / "clean")
    desk, edits = StyleDesk(Run(tmp_path / "out" / "clean")), read_edits([{"check": "starts", "level": "should"}])
    found = desk.tried(edits, seconds=None)
    assert (found.checked, found.total) == (60, 60)
    assert desk.save(edits, found.stamp).path == style_file
    assert read_style(style_file).checks[0].level == "should"


def test_a_run_without_a_known_style_says_so(tmp_path: Path):
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"tuneworth\.toml"):
        StyleDesk(Run(tmp_path))


def test_many_rows_are_tried_on_a_sample_that_says_so(places: Run):
    few = StyleDesk(places, most_rows=15)
    found = few.tried(read_edits([{"check": "length", "set": {"max": 1}}]), seconds=None)
    assert (found.checked, found.total) == few.coverage == (15, 40)
    assert found.checks["length"][1] <= 15
    again = StyleDesk(places, most_rows=15).tried(read_edits([{"check": "length", "set": {"max": 1}}]), seconds=None)
    assert again == found


@pytest.mark.slow
def test_a_try_without_time_counts_the_first_rows_and_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tuneworth.review.style.results._AT_ONCE", 10)
    rows = [row(number, " ".join(["pub"] * (number % 9 + 1)), {"price": "low"}) for number in range(40)]
    run = write_project(tmp_path, rows)
    edits = read_edits([{"check": "length", "set": {"max": 2}}, {"check": "covers", "level": "should"}])
    desk, whole = StyleDesk(run), StyleDesk(run).tried(edits, seconds=None)
    seen = [desk.tried(edits, seconds=0) for _ in range(6)]
    assert [found.checked for found in seen] == [10, 20, 30, 40, 40, 40]
    assert seen[-1] == whole
    assert [found.checks["length"][1] for found in seen] == sorted(found.checks["length"][1] for found in seen)


# --- saving ---------------------------------------------------------------------------------------------------------------


def test_what_was_saved_is_the_shown_diff_with_bytes_and_mode_kept(places: Run):
    file = places.project.folder / "style.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + STYLE.replace("\n", "\r\n").encode())
    file.chmod(0o640)
    desk, edits = StyleDesk(places), read_edits([{"check": "length", "set": {"max": 9}}])
    found = desk.tried(edits)
    saved = desk.save(edits, found.stamp)
    assert file.read_bytes() == b"\xef\xbb\xbf" + STYLE.replace("max: 6", "max: 9").replace("\n", "\r\n").encode()
    assert file.stat().st_mode & 0o777 == 0o640
    assert saved.stamp == desk.tried([]).stamp != found.stamp
    assert read_style(file).checks[0].parameters.max == 9
    assert [path.name for path in file.parent.iterdir() if "part" in path.name] == []


def test_a_style_that_changed_since_it_was_shown_is_not_overwritten(places: Run):
    file = places.project.folder / "style.yaml"
    desk, edits = StyleDesk(places), read_edits([{"check": "length", "set": {"max": 9}}])
    stamp = desk.tried(edits).stamp
    file.write_text(STYLE + "# one more line\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="has changed since"):
        desk.save(edits, stamp)
    assert file.read_text(encoding="utf-8").endswith("# one more line\n")
    assert desk.save(edits, desk.tried(edits).stamp).path == file


OPEN = """
import sys
from tuneworth.core import ConfigError
from tuneworth.project import Run
from tuneworth.review import StyleDesk, read_edits
desk, done = StyleDesk(Run(sys.argv[1])), 0
desk.tried(())
"""
SAVE = """
while done < 5:
    edits = read_edits([{"check": "forbidden", "add": {"name": "any", "value": f"{sys.argv[2]} {done}"}}])
    try:
        desk.save(edits, desk.tried(edits, seconds=0).stamp)
        done += 1
    except ConfigError as error:
        assert "has changed since" in str(error), error
"""


@pytest.mark.slow
def test_several_processes_that_save_lose_no_edit(places: Run):
    folder = places.project.folder
    assert run_together(OPEN, SAVE, [(str(folder), name) for name in "abc"]) == [0, 0, 0]
    listed = read_style(folder / "style.yaml").checks[1].parameters.any
    assert sorted(listed) == sorted(["bar", *(f"{name} {n}" for name in "abc" for n in range(5))])


@pytest.mark.slow
def test_the_shipped_example_is_tried_like_the_whole_style(tmp_path: Path):
    lines = (example_path("components") / "pairs.jsonl").read_text(encoding="utf-8").splitlines()[::20]
    pairs = [json.loads(line) for line in lines]
    rows = [row(number, pair["output"], pair["input"]) for number, pair in enumerate(pairs)]
    text = (example_path("components") / "style.yaml").read_text(encoding="utf-8")
    (tmp_path / "words.txt").write_bytes((example_path("components") / "words.txt").read_bytes())
    desk = StyleDesk(write_project(tmp_path, rows, text))
    found = desk.tried(read_edits([{"check": "length", "set": {"max": 10}}]), limit=1_000, seconds=None)
    before, after = (stated_in(tmp_path, one, rows) for one in (text, text.replace("max: 30", "max: 10")))
    assert {(c.id, c.before, c.after) for c in found.rows} == {
        (one["id"], before[one["id"]], after[one["id"]]) for one in rows if before[one["id"]] != after[one["id"]]
    }
    assert found.breaks_now > 0


def stated_in(folder: Path, style: str, rows: list[dict[str, Any]]) -> dict[str, str]:
    """As `stated`, of a style whose files lie in the folder."""
    return {id_: word for id_, (word, _) in stated(style.replace("words.txt", str(folder / "words.txt")), rows).items()}
