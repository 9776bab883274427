"""`tuneworth curate RUN --again`: a run is curated as it was made before, with today's decisions."""

import json
import shutil

import pytest

from ..shared import unsealed


def made(command, *words):
    done = command("curate", *words, "--json")
    assert done.code == 0, done.err
    return done.json


def without_times(summary):
    return {name: value for name, value in summary.items() if name not in ("seconds", "overrides", "warnings")}


@pytest.mark.slow
def test_a_run_of_a_file_keeps_its_options_and_its_folder(command, pairs_file, style_file, tmp_path):
    words = (pairs_file, "--style", style_file, "--out", tmp_path / "clean", "--identifier", "thing", "--mask")
    first = made(command, *words, "--near-duplicate", "0.7", "--seed", "3")
    again = made(command, tmp_path / "clean", "--again")
    # Rows stay where splits.jsonl has them, which the second summary counts.
    assert {**without_times(again), "split_notes": []} == {**without_times(first), "split_notes": []}
    facts = json.loads((tmp_path / "clean/run.json").read_text())
    assert facts["curated"] == {
        "pairs": "../pairs.jsonl", "style": "../style.yaml", "overrides": "overrides.jsonl", "splits": "splits.jsonl",
    }  # fmt: skip
    assert facts["seed"] == 3


@pytest.mark.slow
def test_decisions_that_another_file_holds_are_written_and_replayed_there(command, pairs_file, tmp_path):
    decided = tmp_path / "decided.jsonl"
    decided.write_text("")
    made(command, pairs_file, "--out", tmp_path / "clean", "--overrides", decided)
    done = command("why", tmp_path / "clean", "p3", "--decide", "drop")
    assert done.out.splitlines()[-1] == f"Next: apply it: tuneworth curate {tmp_path / 'clean'} --again"
    assert json.loads(decided.read_text())["id"] == "p3"
    assert made(command, tmp_path / "clean", "--again")["outcomes"]["decided"] == 1


@pytest.mark.slow
def test_folder_and_file_are_found_where_both_were_moved(command, pairs_file, tmp_path):
    made(command, pairs_file, "--out", tmp_path / "clean")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("clean", "pairs.jsonl"):
        shutil.move(tmp_path / name, moved / name)
    assert made(command, moved / "clean", "--again")["rows_read"] == 60


@pytest.mark.slow
def test_a_run_of_a_project_becomes_a_new_one_with_the_options_of_the_command(command, project):
    first = made(command, project, "--mask")
    again = made(command, project, "--again")
    assert again["run"] != first["run"]
    assert json.loads((project / again["run"] / "run.json").read_text())["curated"]["mask"] is True


def test_what_cannot_be_curated_again_says_how(command, pairs_file, tmp_path):
    clean = tmp_path / "clean"
    made(command, pairs_file, "--out", clean)
    assert "leave --near-duplicate out" in command("curate", clean, "--again", "--near-duplicate", "0.9").err
    assert "leave --dry-run out" in command("curate", clean, "--again", "--dry-run").err
    pairs_file.unlink()
    gone = command("curate", clean, "--again")
    assert gone.code == 2
    assert f"is no longer at {pairs_file}" in gone.err
    assert f"tuneworth curate FILE --out {clean}, with the same options as before" in gone.err
    facts = json.loads((unsealed(clean) / "run.json").read_text())
    del facts["curated"]
    (clean / "run.json").write_text(json.dumps(facts))
    assert "does not name the file it was made from" in command("curate", clean, "--again").err
