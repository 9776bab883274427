"""Wrong input: one clear message, exit code 2, nothing half-written."""

import json
import subprocess
import sys

import pytest


def assert_refused(done, *said):
    assert done.code == 2, (done.out, done.err)
    assert "Traceback" not in done.err
    for text in said:
        assert text in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[train]", "[trian]", 'unknown key "trian"; did you mean "train"?'),
        ("rank = 2", "rank = 0", '"rank" is 0'),
        ("rank = 2", 'rank = "two"', "expected a whole number"),
        ("max_steps = 4", "max_step = 4", 'did you mean "max_steps"?'),
        ("few_shot = 0", "few_shots = 0", 'did you mean "few_shot"?'),
        ('guide = "guide.txt"', 'guide = "guide.md"', "no guide at"),
        ('path = "pairs.jsonl"', 'path = "pears.jsonl"', "no file of pairs at"),
        ('path = "pairs.jsonl"', 'path = "/no/such/pears.jsonl"', "no file of pairs at /no/such"),
        ('group = "family"', 'group = "famliy"', '"family"'),
        ("requests_per_day = 100", "requests_per_day = -1", "requests_per_day"),
        ("[roi.tuned]\nprice_input = 1\n", "[roi.tuned]\n", "roi.tuned"),
        ("[roi.tuned]\nprice_input = 1\nprice_output = 2", '[roi.tuned]\nmodel = "openai:gpt-99-none"', "gpt-99-none"),
        ("[data]", "[data", "not valid TOML"),
        ("[data]", "[cluster]\naddress = 'here'\n[data]", 'cluster: address must be "auto"'),
    ],
)
def test_a_wrong_project_is_refused_before_any_work(command, project, old, new, said):
    file = project / "tuneworth.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert_refused(command("run", project), said)
    assert not (project / "runs").exists()


def test_a_missing_model_is_refused_before_any_work(command, project, tiny_folder):
    file = project / "tuneworth.toml"
    file.write_text(file.read_text().replace(str(tiny_folder), "no such model"))
    assert_refused(command("run", project), 'no model "no such model"')
    assert not (project / "runs").exists()


def test_a_folder_without_a_project_says_how_to_make_one(command, tmp_path):
    assert_refused(command("run", tmp_path), "no tuneworth.toml", "tuneworth init")


def test_an_unknown_command_names_the_nearest(command):
    done = command("evalute")
    assert done.code == 2
    assert 'did you mean "evaluate"' in done.err


def test_malformed_lines_among_good_ones_are_rows_of_the_ledger(command, pairs_file, style_file, tmp_path):
    with pairs_file.open("a") as file:
        file.write('{"id": "broken"\n\n{"id": "no-output", "input": "x"}\n')
    done = command("curate", pairs_file, "--style", style_file, "--out", tmp_path / "clean", "--json")
    assert done.code == 0, done.err
    assert done.json["rows_read"] == 62
    assert sum(done.json["outcomes"].values()) == 62
    why = command("why", tmp_path / "clean", "61")
    assert "unreadable" in why.out


def test_no_pair_left_to_train_on_says_which_rules_took_them(command, project):
    style = project / "style.yaml"
    style.write_text(style.read_text().replace("[Box]", "[Crate]"))
    assert_refused(command("curate", project), "style:starts")


@pytest.mark.parametrize("content", ["", "\n\n", "not json\n", "[1, 2]"])
def test_a_file_without_a_pair_is_refused(command, tmp_path, style_file, content):
    file = tmp_path / "bad.jsonl"
    file.write_text(content)
    assert_refused(command("curate", file, "--style", style_file, "--out", tmp_path / "out"), "bad.jsonl")
    assert not (tmp_path / "out").exists()


def test_a_wrong_style_names_all_its_problems(command, pairs_file, tmp_path):
    style = tmp_path / "bad.yaml"
    style.write_text("checks: [{kind: lenght}, {kind: length, min: 9, max: 1}]")
    assert_refused(
        command("curate", pairs_file, "--style", style, "--out", tmp_path / "o"), "2 problems", "lenght", "min <= max"
    )
    assert not (tmp_path / "o").exists()


def test_a_foreign_folder_is_not_written_into(command, pairs_file, style_file, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    assert_refused(
        command("curate", pairs_file, "--style", style_file, "--out", tmp_path / "mine"), "not a run of Tuneworth"
    )
    assert_refused(command("demo", "--out", tmp_path / "mine"), "not a Tuneworth project")


def test_what_a_killed_command_left_in_a_new_folder_does_not_stop_the_next(command, pairs_file, style_file, tmp_path):
    leftover = tmp_path / "clean" / ".run.json.0123abcd.99999999.0123abcd.part"
    leftover.parent.mkdir()
    leftover.write_text('{"pro')
    done = command("curate", pairs_file, "--style", style_file, "--out", tmp_path / "clean")
    assert done.code == 0, done.err


@pytest.mark.slow
@pytest.mark.parametrize("words", [("why", "RUN", "999"), ("why", "RUN", "p999")])
def test_an_unknown_row_is_refused(command, pairs_file, style_file, tmp_path, words):
    command("curate", pairs_file, "--style", style_file, "--out", tmp_path / "clean")
    assert_refused(command(words[0], tmp_path / "clean", words[2]))


def outputs(tmp_path, name, rows):
    file = tmp_path / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"{name}={file}"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "p0", "output": "x"}, {"id": "stranger", "output": "x"}], "'stranger'"),
        ([{"id": "p0", "output": "x"}, {"id": "p0", "output": "y"}], "id and sample repeated"),
        ([{"id": "p0", "text": "x"}], 'no column "output"'),
        ([{"id": "p0", "output": "x", "input_tokens": "many"}], '"input_tokens" is not a whole number'),
    ],
)
def test_outputs_that_do_not_fit_the_pairs_are_refused(command, pairs_file, style_file, tmp_path, rows, said):
    words = (
        "evaluate",
        "--pairs",
        pairs_file,
        "--outputs",
        outputs(tmp_path, "a", rows),
        "--style",
        style_file,
        "--out",
        tmp_path / "o",
    )
    assert_refused(command(*words), said)
    assert not (tmp_path / "o").exists()


def test_an_unexpected_error_is_exit_3_with_a_log(command, monkeypatch, tmp_path):
    import tuneworth.cli.style as style_command

    def explode(*_, **__):
        raise RuntimeError("boom")

    monkeypatch.setattr(style_command.guide, "callback", explode)
    done = command("style", "guide", tmp_path / "s.yaml")
    assert done.code == 3
    assert "RuntimeError: boom" in done.err
    assert "The log is" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("debug", [[], ["--debug"]])
@pytest.mark.parametrize(
    "error", ["MemoryError()", "OSError(12, 'Cannot allocate memory')", "ImportError('a.so: cannot allocate memory')"]
)
def test_without_memory_for_an_import_it_ends_in_words(tmp_path, error, debug):
    """The command's own code cannot be loaded any more, nor can what would tell an unexpected error."""
    code = (
        "import sys\n"
        "from tuneworth.cli import main\n"
        "class Starved:\n"
        f"    def find_spec(self, *_): raise {error}\n"
        "sys.meta_path.insert(0, Starved())\n"
        f"main(['curate', {str(tmp_path)!r}, *{debug!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("tuneworth: out of memory.")
    assert len(done.stderr.splitlines()) == 2
