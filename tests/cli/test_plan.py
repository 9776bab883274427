"""`tuneworth plan`: what it says, and that it leaves nothing."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from tuneworth.cli.plan_words import cluster_table, plan_text
from tuneworth.curate import DataSettings
from tuneworth.curate.parts.sampling import Drawn
from tuneworth.curate.parts.settings import ClusterSettings
from tuneworth.curate.parts.sizing import Room, plan

from ..curate.parts.test_sizing import QUARTER, measured


def drawn(rows: int) -> Drawn:
    return Drawn(Path(), [20_000], 1_200, 300 * rows, rows, False, False, 3, DataSettings(path=""))


def test_a_small_project_is_told_that_one_machine_does(command, project):
    before = sorted(project.rglob("*"))
    done = command("plan", project, "--cores", 8, "--memory", "32 GB")
    assert done.code == 0, done.err
    assert sorted(project.rglob("*")) == before
    assert "One machine does" in done.out
    assert "[cluster]" not in done.out
    assert max(map(len, done.out.splitlines()[:-2])) <= 80  # the last line has the project's path
    assert f"Next: tuneworth curate {project}" in done.out
    told = command("plan", project, "--json", "--quiet")
    assert told.err == ""
    assert (told.json["rows"], told.json["rows_counted"], told.json["files"]) == (60, True, 1)
    assert told.json["cluster"] is None
    assert told.json["partitions"] >= 4


def test_many_files_and_partitions_of_the_project_are_taken_into_account(command, project):
    (project / "tuneworth.toml").write_text(
        (project / "tuneworth.toml").read_text().replace('"pairs.jsonl"', '"parts"') + "\n[cluster]\npartitions = 7\n"
    )
    (project / "parts").mkdir()
    lines = (project / "pairs.jsonl").read_text().splitlines(keepends=True)
    for part in range(3):
        (project / "parts" / f"{part}.jsonl").write_text("".join(lines[part * 20 : part * 20 + 20]))
    told = command("plan", project, "--json", "--quiet").json
    assert (told["files"], told["rows"], told["partitions"]) == (3, 60, 7)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--memory", "much"], "--memory: must be a size"),
        (["--memory", "1 kB"], "--memory: must be at least"),
        (["--cores", "0"], "--cores"),
    ],
)
def test_wrong_options_are_refused(command, project, words, said):
    done = command("plan", project, *words)
    assert done.code == 2
    assert said in done.err


def test_missing_pairs_are_named(command, project):
    (project / "pairs.jsonl").unlink()
    done = command("plan", project)
    assert done.code == 2
    assert "pairs.jsonl" in done.err


@pytest.mark.parametrize(
    ("rows", "room", "address"),
    [(10_000_000, Room(16, 64e9), "processes"), (100_000_000, Room(256, 64e9), "auto")],
)
def test_the_table_to_copy_is_one_that_curating_takes(rows, room, address):
    found = plan(QUARTER, measured(), rows, room)
    text = cluster_table(found, room)
    settings = ClusterSettings(**tomllib.loads(text)["cluster"])
    assert (settings.address, settings.partitions) == (address, found.partitions)
    assert settings.memory_bytes >= found.task_memory
    said = plan_text(found, drawn(rows), measured(), room)
    assert text in said
    assert max(map(len, said.splitlines())) <= 80
    assert "--cluster" in said


def test_a_driver_too_large_for_its_machine_is_told(capsys):
    room = Room(256, 16e9)
    found = plan(QUARTER, replace(measured(), largest_bucket=50), 500_000_000, room)
    said = plan_text(found, drawn(500_000_000), measured(), room)
    assert "which no number of workers changes" in said
    assert "follow a template" in said
    assert json.dumps(found.seconds.high) != "0.0"
