"""The second shipped example: records of catalogue lines, judged from collected outputs."""

import json
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from tuneworth.examples import example_path

FOLDER = example_path("records")
SCRIPTS = Path(__file__).parents[2] / "benchmarks"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
TABLE = {
    "template": 0,
    "prompted": 0,
    "nearest": 20,
    "nearest + retry": 21,
    "nearest + constrained": 22,
    "tuned": 44,
}  # percent that are acceptable


def rows(name):
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def words():
    """The page's command, without its first and its last words."""
    block = re.findall(r"```console\n\$ (tuneworth evaluate .*?)```", PAGE, re.DOTALL)[0]
    return shlex.split(block.replace("\\\n", " "))[1:]


@pytest.fixture
def judge(command, words, monkeypatch, tmp_path):
    def call(*more):
        monkeypatch.chdir(FOLDER)
        words[words.index("--out") + 1] = str(tmp_path / "judged")
        return command(*words, *more, "--json").json

    return call


@pytest.mark.slow
def test_the_pairs_are_those_of_the_script():
    script = runpy.run_path(str(SCRIPTS / "records.py"))
    made, left_out = script["all_records"](example_path("components") / "pairs.jsonl")
    kept, _ = script["keeping_rules"](made)
    assert kept == rows("pairs.jsonl")
    assert len(made) + sum(left_out.values()) == 2966


def test_a_record_holds_what_the_line_says():
    record = runpy.run_path(str(SCRIPTS / "records.py"))["record"]
    fields = {"category": "Transistor_FET", "ratings": ["-30 V", "4.5-20 V", "98 mOhm"]}
    line = "-30V Vds, 98mOhm Rds, Dual, P-Channel MOSFET with 4.5-20V gate, SOT-23"
    items, facts = record({"input": fields, "output": line})
    assert items == line.split(", ")
    assert facts == {
        "kind": "field-effect transistor", "function": "P-Channel MOSFET", "ratings": ["-30 V", "98 mOhm", "4.5-20 V"],
        "features": ["Dual"], "package": "SOT-23",
    }  # fmt: skip
    assert record({"input": fields | {"ratings": []}, "output": line}) == "states no rating"


def test_the_test_requests_are_pairs_of_the_data():
    pairs = {pair["id"]: pair for pair in rows("pairs.jsonl")}
    tests = rows("test.jsonl")
    assert tests == [pairs[pair["id"]] for pair in tests]
    for file in (FOLDER / "outputs").iterdir():
        assert [row["id"] for row in rows(f"outputs/{file.name}")] == [pair["id"] for pair in tests], file


def test_the_parser_wrote_its_outputs(monkeypatch):
    monkeypatch.setattr("sys.path", [str(SCRIPTS), *sys.path])
    parse = runpy.run_path(str(SCRIPTS / "records_parser.py"))["parse"]
    written = [json.loads(row["output"]) for row in rows("outputs/parser.jsonl")]
    assert written == [parse(pair["input"]["line"]) for pair in rows("test.jsonl")]


def shares(results):
    """The acceptable share of each variant, in whole percent."""
    return {name: round(100 * found["acceptable"]["share"]) for name, found in results["quality"].items()}


@pytest.mark.slow
def test_training_stands_against_every_way_that_needs_no_program(judge):
    results = judge()
    assert results["verdict"]["decision"] == "fine-tune"
    assert shares(results) == TABLE | {"tuned, else prompted": 44}
    assert all(row["measured"] and row["low_one_sided"] > 0 for row in results["rivals"])
    assert {row["name"] for row in results["rivals"]} == {*TABLE} - {"tuned"}
    assert results["style"]["discrimination"]["own"] == 1
    assert results["style"]["discrimination"]["shuffled"] <= 0.01


@pytest.mark.slow
def test_a_program_written_for_the_task_turns_the_verdict(judge):
    results = judge("--outputs", "parser=outputs/parser.jsonl")
    assert results["verdict"]["decision"] == "keep prompting"
    assert results["comparison"]["baseline"] == "parser"
    assert shares(results)["parser"] == 99


@pytest.mark.slow
def test_a_template_that_was_collected_costs_nothing(judge):
    row = next(row for row in judge()["rivals"] if row["name"] == "template")
    assert (row["calls"], row["payback_days"] is None) == (0, False)


def test_the_page_states_the_measured_shares():
    assert {
        name: int(share) for name, share in re.findall(r"^ *\| `([^`]+)` \|.*?\| (\d+)% \(", PAGE, re.MULTILINE)
    } == (TABLE | {"parser": 99})
