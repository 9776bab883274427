"""`tuneworth why` on many rows: what waits, filters, decisions in bulk, and taking them back."""

import csv
import io
import json
import re

import pytest

from tuneworth.curate import read_overrides

QUESTION, ANSWER = "What does the red part with 5V cost today?", "It costs a lot of money for this, friend"


@pytest.fixture
def run(command, tmp_path):
    words = [f"{n} other things {n * 7919}" for n in range(40)]
    rows = [
        {"id": "one", "input": QUESTION, "output": ANSWER},
        {"id": "two", "input": QUESTION, "output": ANSWER + " 7"},
        *({"id": f"f{n}", "input": text, "kind": f"k{n % 2}", "output": f"words {n}"} for n, text in enumerate(words)),
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert command("curate", tmp_path / "rows.jsonl", "--out", tmp_path / "clean").code == 0
    return tmp_path / "clean"


def again(command, run):
    return command("curate", run.parent / "rows.jsonl", "--out", run, "--json").json["outcomes"]


def test_what_waits_is_listed_and_a_decision_settles_it(command, run):
    listed = command("why", run)
    assert listed.out.splitlines()[0] == "2 rows wait for a decision: 2 conflict"
    assert listed.out.splitlines()[-1] == f'Next: see one of them: tuneworth why {run} "row 1"'
    one, two = (line.partition(" → ") for line in listed.out.splitlines()[4:6] if line)
    assert one[0].startswith("    ")
    assert two[0].startswith("    row 2: ")
    assert one[2] != two[2]
    assert not {one[2], two[2]} & {"", "…"}
    assert command("why", run, "two", "--decide", "keep").code == 0
    listed = command("why", run)
    assert listed.out.splitlines()[:2] == [
        "0 rows wait for a decision", "2 more rows were decided or settled since this run was made",
    ]  # fmt: skip


def test_rows_are_printed_for_programs_too(command, run):
    found = command("why", run, "--outcome", "conflict", "--json").json["rows"]
    assert [(row["id"], row["other_id"]) for row in found] == [("one", "two"), ("two", "one")]
    printed = csv.DictReader(io.StringIO(command("why", run, "--field", "kind=k1", "--csv").out))
    assert [row["outcome"] for row in printed] == ["kept"] * 20


@pytest.mark.slow
def test_a_decision_in_bulk_is_shown_first_and_one_undo_takes_it_back(command, run):
    shown = command("why", run, "--field", "kind=k1", "--decide", "drop")
    assert "20 rows found: 20 kept" in shown.out
    assert "Nothing is decided yet." in shown.out
    assert shown.out.count(" → ") == 10
    assert not (run / "overrides.jsonl").exists()
    done = command(
        "why", run, "--field", "kind=k1", "--decide", "drop", "--yes", "--who", "Ada", "--because", "old kind"
    )
    assert done.out.startswith("Decision for 20 rows: drop\n")
    assert again(command, run)["decided"] == 20
    taken = command("why", run, "--undo")
    assert taken.out.splitlines()[0] == "Taken back: 20 decisions"
    assert taken.out.splitlines()[11] == "  and 10 more"
    assert again(command, run)["decided"] == 0
    assert "holds no decision" in command("why", run, "--undo").out


def test_another_output_is_given_to_one_row(command, run):
    done = command("why", run, "two", "--text", "A better answer altogether", "--who", "Ada")
    assert "keep, with a new output" in done.out
    assert again(command, run)["conflict"] == 0
    told = command("why", run, "two")
    assert "Output:\n  A better answer altogether\nOutput as it was read:\n  It costs" in told.out


@pytest.mark.slow
def test_a_decision_names_the_pair_as_it_was_read_also_once_it_was_edited_or_dropped(command, run):
    def contents():
        return [json.loads(line).get("content") for line in (run / "overrides.jsonl").read_text().splitlines()]

    command("why", run, "two", "--text", "A better answer altogether")
    command("why", run, "one", "--decide", "drop")
    again(command, run)
    command("why", run, "two", "--text", "Another one yet")
    command("why", run, "one", "--decide", "keep")
    assert contents()[:2] == contents()[2:]
    assert all(map(re.compile("[0-9a-f]{32}").fullmatch, contents()))
    assert again(command, run)["kept"] == 42
    assert "Another one yet" in command("why", run, "two").out


@pytest.mark.slow
def test_a_half_written_line_of_decisions_is_left_out_with_a_warning(command, run):
    command("why", run, "two", "--decide", "drop")
    file = run / "overrides.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"id": "one", "deci')
    done = command("curate", run.parent / "rows.jsonl", "--out", run)
    assert (
        'warning: Left out a half-written line at the end of overrides.jsonl, never confirmed as saved: {"id": "one"'
        in done.err
    )
    assert "override_cut" in (run / "curate" / "summary.json").read_text()
    assert again(command, run)["decided"] == 1
    assert file.read_bytes().startswith(whole + b'{"id": "one", "deci')
    said = command("why", run, "one", "--decide", "keep").err
    assert "warning: Removed a half-written line at the end of overrides.jsonl" in said
    assert [override.decision for override in read_overrides(file)] == ["drop", "keep"]


def test_the_mended_data_are_one_table_with_what_outputs_were_before(command, run):
    command("why", run, "two", "--text", "A better answer altogether")
    again(command, run)
    done = command("export", run, "--format", "csv", "--out", run.parent / "mended.csv", "--json")
    assert done.json["written"] == [str(run.parent / "mended.csv")]
    table = {row["id"]: row for row in csv.DictReader(io.StringIO((run.parent / "mended.csv").read_text()))}
    assert (table["two"]["output"], table["two"]["output_as_read"]) == ("A better answer altogether", ANSWER + " 7")
    assert {row["kind"] for row in table.values()} == {"", "k0", "k1"}
    assert len(table) == 42


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--decide", "drop"], "--decide needs ROW, or --outcome, --rule or --field"),
        (["--text", "x"], "--text is the output of one row"),
        (["one", "--csv"], "leave ROW out"),
        (["one", "--undo"], "it takes no other option"),
        (["--yes"], "need --decide"),
        (["--outcome", "conflict", "--decide", "drop", "--csv"], "leave --decide out"),
        (["--field", "kind"], "expected NAME=VALUE"),
        (["--field", "kind=k9", "--decide", "drop", "--yes"], "no row matches"),
        (["one", "--decide", "drop", "--text", "x"], "cannot be given another output"),
    ],
)
def test_options_that_do_not_go_together_are_refused_and_nothing_is_written(command, run, words, said):
    done = command("why", run, *words)
    assert done.code == 2
    assert said in done.err
    assert not (run / "overrides.jsonl").exists()
