"""`tuneworth style`: inferring, checking, guiding, as a user sees them."""

import json

import pytest

from tuneworth.examples import example_path
from tuneworth.style import parse_style, read_style

from ..conftest import pair


def write(path, pairs: list[dict]):
    path.write_text("".join(json.dumps(row) + "\n" for row in pairs), encoding="utf-8")
    return path


@pytest.fixture
def labels(tmp_path):
    """Two hundred labels of one style."""
    return write(tmp_path / "labels.jsonl", [pair(n) for n in range(200)])


@pytest.mark.slow
def test_infer_prints_a_style_that_can_be_written_by_redirection(command, labels):
    done = command("style", "infer", labels)
    assert done.code == 0, done.err
    schema = parse_style(done.out)
    assert (schema.name, schema.reviewed) == ("labels", False)
    assert schema.checks
    assert "style found" in done.err


@pytest.mark.slow
def test_infer_writes_a_file_and_never_over_one(command, labels, tmp_path):
    out = tmp_path / "inferred.yaml"
    assert command("style", "infer", labels, "--out", out).code == 0
    written = out.read_bytes()
    assert read_style(out).checks
    assert command("style", "check", labels, "--style", out, "--gate").code == 0
    again = command("style", "infer", labels, "--out", out)
    assert (again.code, out.read_bytes()) == (2, written)
    assert "already exists" in again.err


@pytest.mark.slow
def test_infer_as_json_has_the_evidence(command, labels):
    found = command("style", "infer", labels, "--json").json
    assert (found["found_style"], found["rows"], found["written"]) == (True, 200, None)
    assert all(0 <= c["low"] <= c["share"] <= 1 and c["holds"] <= c["applicable"] for c in found["checks"])
    assert [check.id for check in parse_style(found["style"]).checks] == [c["id"] for c in found["checks"]]
    assert (found["task"]["task"], found["task"]["rule"]) == ("text", None)


def test_infer_says_that_there_is_no_style(command, tmp_path):
    texts = ["a", "B?", "cc dd, EE!", "x\ny\nz", "one two three four five six seven. Eight", "(f)"]
    rows = [{"input": f"request {n}", "output": texts[n % 6] + str(n)[: n % 3]} for n in range(18)]
    out = tmp_path / "s.yaml"
    done = command("style", "infer", write(tmp_path / "few.jsonl", rows), "--out", out)
    assert (done.code, out.exists()) == (0, False)
    assert "too few" in done.out
    assert all(line.startswith("#") for line in done.out.splitlines())


@pytest.mark.slow
def test_columns_of_another_name_are_stated(command, tmp_path):
    rows = [{"ask": f"item {n}", "colour": "red", "say": pair(n)["output"]} for n in range(60)]
    file = write(tmp_path / "named.jsonl", rows)
    assert command("style", "infer", file).code == 2
    done = command("style", "infer", file, "--input", "ask", "--input", "colour", "--output", "say", "--json")
    assert done.json["rows"] == 60
    wrong = command("style", "infer", file, "--delimiter", "ab")
    assert (wrong.code, "delimiter" in wrong.err) == (2, True)


def test_check_marks_the_place_of_a_violation(command, tmp_path):
    style = tmp_path / "s.yaml"
    style.write_text("checks: [{kind: forbidden, any: [cheap]}, {kind: length, unit: tokens, max: 9}]")
    long = "x" * 300 + " cheap " + "y" * 300
    rows = [{"id": "a", "input": "1", "output": "a cheap\nlamp"}, {"id": "b", "input": "2", "output": long}]
    rows += [{"id": "c", "input": "3", "output": "fine"}]
    done = command("style", "check", write(tmp_path / "p.jsonl", rows), "--style", style)
    assert "a »cheap«⏎lamp" in done.out
    assert "x »cheap« y" in done.out
    assert max(map(len, done.out.splitlines())) < 300
    assert "1 more break none, but could not be scored by a must rule" in done.out
    assert "not scored in 3:" in done.out


def test_check_as_json_counts_every_output_once(command, labels, style_file):
    data = command("style", "check", labels, "--style", style_file, "--json").json
    for rule in data["checks"]:
        assert rule["checked"] + rule["not_applicable"] + rule["unscored"] == data["rows"]
        assert len(rule["examples"]) == min(3, rule["fail"])


def test_check_shows_what_steers_a_terminal_as_text(command, tmp_path):
    style = tmp_path / "s.yaml"
    style.write_text('checks: [{kind: forbidden, any: ["cheap"]}]')
    rows = [{"id": f"\x1b[2J{n}", "input": f"{n}", "output": f"\x1b]0;owned\x07 cheap \r {n}"} for n in range(3)]
    done = command("style", "check", write(tmp_path / "p.jsonl", rows), "--style", style)
    assert not set(done.out) & set("\x1b\x07\r")


def test_the_guide_shows_a_good_pair_that_the_order_of_rows_does_not_choose(command, labels, style_file, tmp_path):
    done = command("style", "guide", style_file, "--example", labels)
    assert "## Example" in done.out
    assert "a good answer is:\n\n```\nBox with a" in done.out
    turned = write(tmp_path / "turned.jsonl", [pair(n) for n in reversed(range(200))])
    assert command("style", "guide", style_file, "--example", turned).out == done.out


def test_a_short_guide_is_one_paragraph_without_an_example(command, labels, style_file):
    done = command("style", "guide", style_file, "--short")
    assert done.out.startswith('Start with "Box". Put no full stop or other mark at the end. State only numbers')
    assert done.out.count("\n") == 1
    both = command("style", "guide", style_file, "--short", "--example", labels)
    assert both.code == 2
    assert "a short guide shows no example" in both.err


def test_a_guide_without_a_good_pair_says_so(command, labels, style_file):
    style_file.write_text(style_file.read_text().replace("[Box]", "[Crate]"))
    done = command("style", "guide", style_file, "--example", labels)
    assert "## Example" not in done.out
    assert "no pair of" in done.err


CODE = 'def short(output, pair):\n    return None if len(output) < 40 else "too long"\n'


@pytest.fixture
def coded(tmp_path):
    (tmp_path / "company_rules.py").write_text(CODE)
    path = tmp_path / "coded.yaml"
    path.write_text("checks: [{kind: python, call: company_rules.short}]")
    return path


def test_code_runs_only_where_it_is_allowed(command, labels, coded):
    refused = command("style", "check", labels, "--style", coded)
    assert refused.code == 2
    assert "--allow-code" in refused.err
    allowed = command("style", "check", labels, "--style", coded, "--allow-code", "--json")
    assert allowed.code == 0, allowed.err
    assert allowed.json["checks"][0]["checked"] == 200


@pytest.mark.parametrize(
    "words", [["curate", "LABELS", "--style", "CODED", "--out", "OUT"], ["style", "guide", "CODED"]]
)
def test_other_commands_allow_code_alike(command, labels, coded, tmp_path, words):
    places = {"LABELS": labels, "CODED": coded, "OUT": tmp_path / "out"}
    words = [places.get(word, word) for word in words]
    assert command(*words).code == 2
    done = command(*words, "--allow-code")
    assert done.code == 0, done.err


@pytest.mark.parametrize("name", ["run", "train", "evaluate", "curate"])
def test_a_project_with_code_needs_leave(command, project, coded, name):
    file = project / "tuneworth.toml"
    file.write_text(f'[style]\npath = "{coded.name}"\n' + file.read_text())
    done = command(name, project)
    assert done.code == 2
    assert "--allow-code" in done.err
    assert not (project / "runs").exists()


@pytest.mark.slow
def test_the_shipped_example_is_found_out(command):
    done = command("style", "infer", example_path("components") / "pairs.jsonl", "--json")
    found = done.json
    rules = {(c["kind"], c["id"]): c for c in found["checks"]}
    assert any(kind == "length" for kind, _ in rules)
    spellings = next(c for (kind, _), c in rules.items() if kind == "vocabulary" and c["level"] == "should")
    assert {"Low-Dropout", "low dropout"} <= set(spellings["variants"])
    pattern = next(c for (kind, id), c in rules.items() if kind == "pattern" and id != "no-empty-facts")
    assert (pattern["level"], pattern["holds"]) == ("must", 2746)
    package = [c for c in found["checks"] + found["suggestions"] if c["kind"] == "ends_with"]
    assert [(c["holds"], c["applicable"]) for c in package][:1] == [(1368, 2493)]
