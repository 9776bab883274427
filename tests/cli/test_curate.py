"""`tuneworth curate` and `why --decide`: files, projects, decisions, and bad days: killed, or the disk full."""

import json
import random
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from ..conftest import pair

FILES = ("train.jsonl", "validation.jsonl", "test.jsonl", "set_aside.jsonl", "ledger.parquet")
COMMAND = "import sys; from tuneworth.cli import main; main(sys.argv[1:])"


@pytest.fixture
def project(tmp_path, pairs_file, style_file):
    """A project that nobody trains: no model has to be there."""
    (tmp_path / "tuneworth.toml").write_text('[data]\npath = "pairs.jsonl"\ngroup = "family"\n')
    return tmp_path


def called(*words, **options):
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, words)], capture_output=True, text=True, check=False, **options
    )


def content(run: Path) -> dict[str, bytes]:
    return {name: (run / "curate" / name).read_bytes() for name in FILES}


def only_run(project: Path) -> Path:
    (run,) = (project / "runs").iterdir()
    return run


def test_a_file_is_cleaned_without_a_style(command, pairs_file, tmp_path):
    done = command("curate", pairs_file, "--out", tmp_path / "clean", "--group", "family")
    assert done.code == 0, done.err
    assert "60 rows read: 60 kept" in done.out
    assert "No held-out request has a training example with the same facts" in done.out
    assert done.out.splitlines()[-1] == f"Next: see what happened to a row: tuneworth why {tmp_path / 'clean'} ROW"
    assert not (tmp_path / "splits.jsonl").exists()


@pytest.mark.slow
def test_a_dry_run_says_the_same_and_writes_nothing(command, project):
    before = sorted(project.rglob("*"))
    dry = command("curate", project, "--dry-run", "--threshold-table", "--json")
    assert dry.code == 0, dry.err
    assert dry.json["run"] is None
    assert len(dry.json["threshold_table"]) == 8
    assert sorted(project.rglob("*")) == before
    done = command("curate", project, "--json")
    assert {key: done.json[key] for key in ("outcomes", "splits")} == {
        key: dry.json[key] for key in ("outcomes", "splits")
    }
    text = command("curate", project / "pairs.jsonl", "--dry-run", "--threshold-table")
    assert "nothing was written" in text.out
    assert re.search(r"It took [\d.]+ (ms|s) and [\d.]+ [MG]B of memory for 60 rows", text.out)
    assert dry.json["taken"]["rows"] == 60
    assert dry.json["taken"]["seconds"] > 0
    assert dry.json["taken"]["peak_bytes"] > 1e7
    assert "threshold  dropped  conflicts" in text.out


@pytest.mark.slow
def test_a_project_keeps_its_test_rows_when_the_data_grow(command, project):
    assert command("curate", project).code == 0
    run = only_run(project)
    held = {
        json.loads(line)["id"]: json.loads(line)["split"]
        for line in (project / "splits.jsonl").read_text().splitlines()
    }
    assert len(held) == 60
    with (project / "pairs.jsonl").open("a") as file:
        file.writelines(json.dumps(pair(n)) + "\n" for n in range(60, 120))
    done = command("curate", project)
    assert "60 pairs keep their split from splits.jsonl" in done.out
    second = max(path for path in (project / "runs").iterdir() if path != run)
    ledger = pl.read_parquet(second / "curate/ledger.parquet")
    assert len(ledger) == 120
    assert {id: split for id, split in ledger.select("id", "split").rows() if id in held} == held
    assert len((project / "splits.jsonl").read_text().splitlines()) == 120


def test_a_damaged_file_beside_the_project_is_refused(command, project):
    (project / "splits.jsonl").write_text('{"content": "x", "id": "p0", "split": "train"}\n{"content"\n')
    done = command("curate", project)
    assert done.code == 2
    assert "splits.jsonl, line 2" in done.err
    assert not (project / "runs").exists()
    (project / "splits.jsonl").unlink()
    (project / "overrides.jsonl").write_text('{"id": "p0", "decision": "remove"}\n')
    done = command("curate", project)
    assert done.code == 2
    assert 'overrides.jsonl: line 1: unknown decision "remove"' in done.err


@pytest.mark.slow
def test_a_decision_is_written_beside_the_project_and_replayed(command, project):
    command("curate", project)
    done = command("why", project, "p3", "--decide", "drop", "--because", "no such lamp", "--who", "Ada")
    assert done.code == 0, done.err
    assert f"tuneworth curate {project}" in done.out.splitlines()[-1]
    line = json.loads((project / "overrides.jsonl").read_text())
    assert line.pop("when")[:2] == "20"
    ledger = pl.read_parquet(next(project.glob("runs/*/curate/ledger.parquet")))
    content = ledger.filter(id="p3")["content"].item()
    assert line == {"id": "p3", "content": content, "decision": "drop", "who": "Ada", "why": "no such lamp"}
    again = command("curate", project)
    assert "1 manual decision was applied" in again.out
    assert "Decided by Ada: drop (no such lamp)" in command("why", project, "p3").out


@pytest.mark.slow
def test_a_decision_about_a_run_of_a_file_lies_in_its_folder(command, pairs_file, tmp_path):
    words = ("curate", pairs_file, "--out", tmp_path / "clean")
    command(*words)
    assert command("why", tmp_path / "clean", "4", "--decide", "test", "--json").json["decision"] == "test"
    assert command(*words).code == 0
    assert "kept (test)" in command("why", tmp_path / "clean", "p3").out
    other = command(
        "curate", pairs_file, "--out", tmp_path / "b", "--overrides", tmp_path / "clean/overrides.jsonl", "--json"
    )
    found = other.json["overrides"]
    assert (found["applied"], found["unmatched"], found["changed"]) == (1, [], [])
    assert command("curate", pairs_file, "--out", tmp_path / "c", "--overrides", tmp_path / "none").code == 2
    assert command("why", tmp_path / "clean", "4", "--because", "x").code == 2


@pytest.mark.slow
def test_placed_rows_of_a_file_are_held_where_asked(command, pairs_file, tmp_path):
    words = ("curate", pairs_file, "--splits", tmp_path / "held.jsonl")
    command(*words, "--out", tmp_path / "a")
    done = command(*words, "--out", tmp_path / "b", "--seed", "5")
    assert "60 pairs keep their split from splits.jsonl" in done.out
    assert (tmp_path / "a/curate/test.jsonl").read_bytes() == (tmp_path / "b/curate/test.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--group", "family"], "[data] group in"),
        (["--near-duplicate", "0.9"], "[curate] near_duplicate in"),
        (["--splits", "x"], "leave it out"),
        (["--input", "x"], "[data] input in"),
    ],
)
def test_options_of_a_file_are_refused_for_a_project(command, project, words, said):
    done = command("curate", project, *words)
    assert done.code == 2
    assert said in done.err
    assert not (project / "runs").exists()


def test_options_that_cannot_be_are_named(command, pairs_file, tmp_path):
    done = command("curate", pairs_file, "--out", tmp_path / "o", "--near-duplicate", "3")
    assert done.code == 2
    assert "near-duplicate must be from 0.5 to 1" in done.err
    assert command("curate", pairs_file).code == 2
    assert "--out DIR" in command("curate", pairs_file).err
    wrong = command("curate", pairs_file, "--out", tmp_path / "o", "--stratify", "familly")
    assert 'no pair has a field or column "familly"' in wrong.err
    assert not (tmp_path / "o").exists()


@pytest.fixture
def large(tmp_path):
    """Enough rows that reading, joining and writing each take a while."""
    chance = random.Random(0)
    words = ["".join(chance.choices("abcdefghij", k=6)) for _ in range(2000)]
    file = tmp_path / "large.jsonl"
    rows = (
        {"id": f"r{n}", "input": " ".join(chance.choices(words, k=12)), "output": words[n % 2000]} for n in range(8000)
    )
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.slow
def test_killed_at_any_moment_and_started_again_it_gives_the_same(large, tmp_path):
    words = ("curate", large, "--splits")
    started = time.perf_counter()
    assert called(*words, tmp_path / "whole.jsonl", "--out", tmp_path / "whole").returncode == 0
    took = time.perf_counter() - started
    whole, out, splits = content(tmp_path / "whole"), tmp_path / "out", tmp_path / "splits.jsonl"
    chance, killed = random.Random(1), 0
    for moment in [*(chance.uniform(0.2, 1) for _ in range(2)), *(chance.uniform(0.85, 1) for _ in range(2))]:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *map(str, words), str(splits), "--out", str(out)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(took * moment)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        if (out / "curate").exists():  # what bears the name is whole
            assert content(out) == whole
            assert json.loads((out / "curate/summary.json").read_text())["rows_read"] == 8000
    assert killed  # the clock of a busy machine lets most end before
    assert called(*words, splits, "--out", out).returncode == 0
    assert content(out) == whole
    assert splits.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == [".run.lock"]


def at_most(size: int):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.slow
@pytest.mark.parametrize("size", [500, 9_000])
def test_a_full_disk_is_said_and_leaves_nothing_half_written(pairs_file, tmp_path, size):
    out = tmp_path / "out"
    done = called("curate", pairs_file, "--out", out, preexec_fn=at_most(size))
    assert done.returncode == 3, done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert "Free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (out / "curate").exists()


@pytest.mark.slow
def test_a_full_disk_leaves_the_result_of_before_as_it_was(pairs_file, tmp_path):
    out = tmp_path / "out"
    assert called("curate", pairs_file, "--out", out).returncode == 0
    before = content(out)
    (out / "curate" / "notes.txt").write_text("mine")
    (out / "splits.jsonl").unlink()  # it would keep every row where it is, whatever the seed
    done = called("curate", pairs_file, "--out", out, "--seed", "3", preexec_fn=at_most(9_000))
    assert done.returncode == 3
    assert content(out) == before
    assert called("curate", pairs_file, "--out", out, "--seed", "3").returncode == 0
    assert content(out) != before
    assert (out / "curate" / "notes.txt").read_text() == "mine"


@pytest.mark.slow
def test_a_saved_dataset_is_curated_to_the_end(command, tmp_path):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list([pair(n) for n in range(20)]).save_to_disk(str(tmp_path / "saved"))
    prints = []
    for name in ("one", "two"):
        done = command("curate", tmp_path / "saved", "--out", tmp_path / name)
        assert done.code == 0, done.err
        prints.append(json.loads((tmp_path / name / "run.json").read_text())["inputs"])
    assert prints[0] == prints[1]
    assert [entry["path"] for entry in prints[0]] == ["saved"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("id", "typed"),
    [
        ("a/b c", "'a/b c'"),
        ("a=b", "a=b"),
        ("-x", '"row 1"'),
        ("it's", '"row 1"'),
        ("two\nlines", '"row 1"'),
        ("x" * 200, '"row 1"'),
    ],
)
def test_the_next_step_can_be_typed_whatever_the_id(command, tmp_path, id, typed):
    file = tmp_path / "odd.jsonl"
    file.write_text("".join(json.dumps(pair(n) | ({"id": id} if n == 0 else {})) + "\n" for n in range(9)))
    assert command("curate", file, "--out", tmp_path / "two words").code == 0
    done = command("why", tmp_path / "two words", "--", id)
    assert f"tuneworth why '{tmp_path / 'two words'}' {typed} --decide" in done.out.splitlines()[-1]


@pytest.mark.slow
def test_a_folder_of_files_and_a_glob_need_no_project(command, tmp_path):
    (tmp_path / "parts").mkdir()
    for part in range(3):
        lines = (json.dumps(pair(n)) + "\n" for n in range(part * 20, part * 20 + 20))
        (tmp_path / "parts" / f"{part}.jsonl").write_text("".join(lines))
    for source in (tmp_path / "parts", tmp_path / "parts" / "*.jsonl"):
        done = command("curate", source, "--dry-run", "--json")
        assert (done.code, done.json["rows_read"]) == (0, 60), done.err
    unsaid = command("curate", tmp_path / "parts")
    assert unsaid.code == 2
    assert f"tuneworth curate {tmp_path / 'parts'} --out DIR" in unsaid.err
    assert "needs a folder to write to" in command("curate", tmp_path / "parts" / "*.jsonl").err


@pytest.mark.slow
def test_what_cannot_be_meant_is_refused(command, pairs_file, tmp_path):
    named = command("curate", pairs_file, "--out", tmp_path / "clean", "--run", "x")
    assert (named.code, "--run needs a project" in named.err) == (2, True)
    assert command("curate", pairs_file, "--out", tmp_path / "clean").code == 0
    run = command("curate", tmp_path / "clean", "--out", tmp_path / "again")
    assert (run.code, "this is a run of Tuneworth" in run.err) == (2, True)


@pytest.mark.slow
def test_next_steps_hold_for_folders_with_spaces(command, pairs_file, tmp_path):
    folder, inferred = tmp_path / "my clean pairs", tmp_path / "my style.yaml"
    assert command("curate", pairs_file, "--out", folder).out.splitlines()[-1].endswith(f"why '{folder}' ROW")
    assert f"--pairs '{folder / 'curate' / 'test.jsonl'}'" in command("export", folder, "--format", "csv").out
    assert f"--style '{inferred}'" in command("style", "infer", pairs_file, "--out", inferred).out


SPELLING = 'checks: [{kind: vocabulary, id: spelling, preferred: {"low noise": ["low-noise"]}}]\n'


@pytest.fixture
def misspelt(tmp_path):
    """A project of thirty rows, of which the style drops every second one that is not in test."""
    rows = [
        {"id": f"p{n}", "input": f"part {n} of {n * n}", "output": f"Part {n}, low{'- '[n % 2]}noise"}
        for n in range(30)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "style.yaml").write_text(SPELLING)
    (tmp_path / "tuneworth.toml").write_text('[data]\npath = "pairs.jsonl"\n[style]\npath = "style.yaml"\n')
    return tmp_path


@pytest.mark.slow
def test_repairs_are_offered_and_made_in_a_project_and_a_file_alike(command, misspelt):
    plain = command("curate", misspelt, "--dry-run")
    n = command("curate", misspelt, "--dry-run", "--json").json["fix"]["offer"]["rows"]
    assert n > 5
    assert f"With --fix safe, {n} of the {n} invalid rows would be kept: spelling {n}." in plain.out
    done = command("curate", misspelt, "--fix", "safe")
    assert done.code == 0, done.err
    assert f"{n} rows are kept with their outputs repaired: spelling {n}." in done.out
    (misspelt / "splits.jsonl").unlink()
    file = ("curate", misspelt / "pairs.jsonl", "--style", misspelt / "style.yaml", "--out", misspelt / "out")
    assert command(*file, "--fix", "safe").code == 0
    assert content(misspelt / "out") == content(only_run(misspelt))
    text = (misspelt / "tuneworth.toml").read_text() + '[curate]\nfix = "safe"\n'
    (misspelt / "tuneworth.toml").write_text(text)
    assert command("curate", misspelt, "--dry-run", "--json").json["fix"]["rows"] == n
    assert command("curate", misspelt, "--dry-run", "--fix", "off", "--json").json["fix"]["rows"] == 0
    assert command("curate", misspelt, "--fix", "always").code == 2


@pytest.mark.slow
def test_the_page_shows_what_a_repair_changed(command, misspelt):
    assert command("curate", misspelt, "--fix", "safe", "--json").code == 0
    run = only_run(misspelt)
    assert command("report", run).code == 0
    page, markdown = ((run / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "md"))
    assert "<h3>Repaired outputs</h3>" in page
    assert "<mark>low-noise</mark>" in page
    assert "<mark>low noise</mark>" in page
    assert "## Repaired outputs" in markdown
    assert command("report", run, "--no-examples").code == 0
    assert "<mark>" not in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_answers_in_train_are_said_with_an_option_that_helps_and_again_in_the_same_folder(command, tmp_path):
    chance, file = random.Random(1), tmp_path / "shop.jsonl"
    lines = [
        {
            "input": {"code": str(chance.random()), "note": f"{chance.random()} {n * 7919}", "handle": f"h{n // 4}"},
            "output": f"about {chr(97 + n // 4 % 26) * 4}ly {n // 4} and some more words of a text that four sizes share",
        }
        for n in range(240)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "clean"
    found = command("curate", file, "--out", out, "--tie-outputs", "false")
    assert "with an output that is also in train)" in found.out
    assert "(--group handle) and curate again without splits.jsonl" in found.err
    again = command("curate", file, "--out", out, "--group", "handle")
    assert "240 pairs keep their split from splits.jsonl" in again.out
    assert "curate again without splits.jsonl" in again.err
    (out / "splits.jsonl").unlink()
    for options in (("--group", "handle", "--tie-outputs", "false"), ()):
        done = command("curate", file, "--out", tmp_path / f"clean{len(options)}", *options)
        assert "also in train" not in done.out + done.err
