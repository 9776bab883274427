"""`tuneworth fix`: the diff, the counts, the file it writes, and what it never does."""

import json

import pytest

STYLE = """
checks:
  - {kind: punctuation, end: none}
  - {kind: numbers, space: none}
  - {kind: ends_with, any: ["{package}"], when: package}
  - {kind: grounded}
"""
ROWS = [
    {
        "id": "a",
        "input": {"part": "X1", "package": "SOT-23", "volts": "30 V"},
        "output": "LDO, SOT-23, 30 V.",
        "note": ["kept", 1],
    },
    {"id": "b", "input": {"part": "X2"}, "output": "Fine"},
    {"id": "c", "input": {"part": "X3"}, "output": "Lamp, 5V, red"},
]


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path):
    style = tmp_path / "style.yaml"
    style.write_text(STYLE)
    return write(tmp_path / "pairs.jsonl", ROWS), style


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_diff_and_the_counts_by_rule(command, files):
    pairs, style = files
    before = pairs.read_bytes()
    done = command("fix", pairs, "--style", style, "--diff")
    assert done.code == 0, done.err
    assert "@ row 1 (a): ends_with, numbers\n- LDO, SOT-23, 30 V.\n+ LDO, 30V, SOT-23\n" in done.out
    assert "1 of 3 outputs changed; 2 follow every must rule (1 before)" in done.out
    assert "row 2" not in done.out
    assert pairs.read_bytes() == before


def test_unsafe_leaves_out_what_the_request_does_not_state(command, files):
    pairs, style = files
    assert "- Lamp, 5V, red\n+ Lamp, red\n" in command("fix", pairs, "--style", style, "--diff", "--unsafe").out


def test_the_file_keeps_every_other_key_and_every_other_row(command, files, tmp_path):
    pairs, style = files
    out = tmp_path / "fixed.jsonl"
    assert command("fix", pairs, "--style", style, "--out", out).code == 0
    assert lines(out) == [{**ROWS[0], "output": "LDO, 30V, SOT-23"}, *ROWS[1:]]


def test_no_file_is_replaced_unless_it_is_said(command, files, tmp_path):
    pairs, style = files
    out = write(tmp_path / "fixed.jsonl", [{"mine": 1}])
    done = command("fix", pairs, "--style", style, "--out", out)
    assert (done.code, lines(out)) == (2, [{"mine": 1}])
    assert "already exists" in done.err
    assert command("fix", pairs, "--style", style, "--out", out, "--overwrite").code == 0
    assert len(lines(out)) == 3
    assert command("fix", pairs, "--style", style, "--out", tmp_path / "fixed.csv").code == 2


def test_as_json_every_change_has_its_place(command, files):
    pairs, style = files
    found = command("fix", pairs, "--style", style, "--json").json
    assert (found["rows"], found["changed"], found["acceptable_before"], found["acceptable"]) == (3, 1, 1, 2)
    assert {change["id"] for change in found["changes"]} == {"a"}
    first = next(change for change in found["changes"] if change["rule"] == "numbers")
    assert (first["before"], first["after"], first["start"], first["end"]) == ("30 V", "30V", 13, 17)
    assert {rule["check"]: rule["still_broken"] for rule in found["checks"]}["grounded"] == 1


def test_the_gate_fails_while_a_must_rule_is_broken(command, files):
    pairs, style = files
    assert command("fix", pairs, "--style", style, "--gate").code == 1
    assert command("fix", pairs, "--style", style, "--gate", "--unsafe").code == 0


def test_what_steers_a_terminal_is_shown_as_text(command, tmp_path, files):
    rows = [{"id": "\x1b[2J", "input": "a", "output": "\x1b]0;owned\x07 red. \r."}]
    done = command("fix", write(tmp_path / "bad.jsonl", rows), "--style", files[1], "--diff")
    assert "owned" in done.out
    assert not set(done.out) & set("\x1b\x07\r")


CHAT = {"role": "user", "content": "a"}
SHAPES = [
    ({"prompt": "a", "completion": "red.", "x": 1}, {"prompt": "a", "completion": "red", "x": 1}),
    ({"instruction": "a", "input": "", "output": "red."}, {"instruction": "a", "input": "", "output": "red"}),
    (
        {"messages": [CHAT, {"role": "assistant", "content": "red.", "name": "n"}]},
        {"messages": [CHAT, {"role": "assistant", "content": "red", "name": "n"}]},
    ),
    (
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "red."}]},
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "red"}]},
    ),
    (
        {"prompt": [CHAT], "completion": [{"role": "assistant", "content": [{"type": "text", "text": "red."}]}]},
        {"prompt": [CHAT], "completion": [{"role": "assistant", "content": [{"type": "text", "text": "red"}]}]},
    ),
]


@pytest.mark.parametrize(("row", "expected"), SHAPES)
def test_the_output_is_written_where_it_was(command, files, tmp_path, row, expected):
    out = tmp_path / "fixed.jsonl"
    done = command("fix", write(tmp_path / "shape.jsonl", [row]), "--style", files[1], "--out", out)
    assert done.code == 0, done.err
    assert lines(out) == [expected]


def test_several_files_and_other_formats_are_read(command, files, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    write(folder / "a.jsonl", [{"input": "a", "output": "one"}, {"input": "b", "output": "two."}])
    (folder / "b.csv").write_text("input,output,more\nc,three.,x\n")
    out = tmp_path / "fixed.jsonl"
    assert command("fix", folder, "--style", files[1], "--out", out).code == 0
    assert lines(out) == [
        {"input": "a", "output": "one"}, {"input": "b", "output": "two"}, {"input": "c", "output": "three", "more": "x"}
    ]  # fmt: skip


def test_a_table_in_memory_is_repaired_too(files, tmp_path):
    from tuneworth.project import fix_outputs

    out = tmp_path / "fixed.jsonl"
    fixed = fix_outputs(iter(ROWS), files[1], out=out)
    assert fixed.outputs.to_list() == ["LDO, 30V, SOT-23", "Fine", "Lamp, 5V, red"]
    assert [row["output"] for row in lines(out)] == fixed.outputs.to_list()
    assert "1 of 3 outputs changed" in repr(fixed)
    assert fixed.broken == 1
