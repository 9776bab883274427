"""`tuneworth runs` and `tuneworth runs prune` as they are typed."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from ..project.made_runs import made_project, made_run, run_name


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal with room for the table, whatever the one is like that runs the tests."""
    monkeypatch.setenv("COLUMNS", "200")


def test_the_list_is_a_table_or_json(command, tmp_path):
    project = made_project(tmp_path, 2)
    done = command("runs", project)
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()[:3]] == ["run", run_name(2), run_name(1)]
    data = command("runs", project, "--json", "--sort", "when").json
    assert [run["name"] for run in data["runs"]] == [run_name(1), run_name(2)]
    assert data["runs"][0]["candidate"] == {
        "name": "tuned", "acceptable": 0.8, "low": pytest.approx(0.7), "high": 0.9, "cost": 0.02,
    }  # fmt: skip


def test_filters_are_repeated_and_explained(command, tmp_path):
    project = made_project(tmp_path, 3)
    done = command("runs", project, "--filter", "when>=2026-10-02", "--filter", f"run={run_name(2)}", "--json")
    assert [run["name"] for run in done.json["runs"]] == [run_name(2)]
    assert done.json["hidden"] == 2
    wrong = command("runs", project, "--filter", "verdikt=fine-tune")
    assert wrong.code == 2
    assert 'did you mean "verdict"?' in wrong.err


def test_the_project_is_the_current_folder_unless_one_is_named(command, tmp_path, monkeypatch):
    monkeypatch.chdir(made_project(tmp_path / "p", 1))
    assert run_name(1) in command("runs").out
    monkeypatch.chdir(tmp_path)
    done = command("runs")
    assert done.code == 2
    assert "no tuneworth.toml" in done.err


def test_a_width_is_that_of_the_terminal(command, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert "    prompted 50% (40 to 60%); tuned 80% (70 to 90%)" in command("runs", made_project(tmp_path, 1)).out


def test_a_page_is_written_and_named(command, tmp_path):
    project = made_project(tmp_path / "p", 3)
    (project / "runs" / run_name(3) / "report.html").touch()
    done = command("runs", project, "--page", tmp_path / "runs.html", "--filter", "when>=2026-10-02")
    assert f"Written to {tmp_path / 'runs.html'}" in done.out
    assert f"Next: open {tmp_path / 'runs.html'}" in done.out
    page = (tmp_path / "runs.html").read_text()
    assert f'href="p/runs/{run_name(3)}/report.html"' in page
    assert "1 run left out by the filter" in page
    assert run_name(1) not in page
    data = command("runs", project, "--page", tmp_path / "runs.html", "--json").json
    assert data["page"] == str(tmp_path / "runs.html")


# --- prune ----------------------------------------------------------------------------------------------------------


def test_without_a_yes_nothing_is_removed_and_the_sentence_says_so(command, tmp_path):
    project = made_project(tmp_path, 3)
    for words, why in (([], "there is no terminal"), (["--json"], "which --json cannot ask for")):
        done = command("runs", "prune", project, "--keep", 1, *words)
        assert done.code == 2
        assert f"tuneworth: removing runs needs a confirmation, {'and ' * (not words)}{why}" in done.err
        assert "Nothing was removed" in done.err
    assert len(list((project / "runs").glob("2*"))) == 3
    assert f"{run_name(1)}  Fine-tune, " in command("runs", "prune", project, "--keep", 1).out


def test_with_a_yes_the_old_ones_go(command, tmp_path):
    project = made_project(tmp_path, 3)
    done = command("runs", "prune", project, "--keep", 1, "--yes")
    assert done.code == 0
    assert "2 runs to remove, " in done.out
    assert "older than the newest run" in done.out
    assert "Removed 2 runs; " in done.out
    assert [path.name for path in (project / "runs").glob("2*")] == [run_name(3)]
    again = command("runs", "prune", project, "--keep", 1, "--yes", "--json")
    assert again.json["removed"] == []


def test_a_name_that_could_control_a_terminal_is_escaped(command, tmp_path):
    project = made_project(tmp_path, 2)
    made_run(project, 1, name="20260101\x1b[2J")
    for words in (["runs", project], ["runs", "prune", project, "--keep", 1, "--yes"]):
        done = command(*words)
        assert "\x1b" not in done.out + done.err
        assert "20260101\\x1b[2J" in done.out


def test_prune_needs_to_know_how_many_to_keep(command, tmp_path):
    assert command("runs", "prune", made_project(tmp_path, 1)).code == 2
    assert command("runs", "prune", tmp_path, "--keep", 0).code == 2
    assert "Usage: tuneworth runs prune" in command("runs", "prune", "--help").out


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "left"), [("y", 1), ("", 3)])
def test_at_a_terminal_it_asks_first(tmp_path: Path, answer: str, left: int) -> None:
    project = made_project(tmp_path, 3)
    ours, theirs = pty.openpty()
    call = f"from tuneworth.cli import main; main(['runs', 'prune', {str(project)!r}, '--keep', '1'])"
    process = subprocess.Popen([sys.executable, "-c", call], stdin=theirs, stdout=subprocess.PIPE, text=True)
    os.write(ours, f"{answer}\n".encode())
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0
    assert "Remove 2 of 3 runs? [y/N]: " in out
    assert ("Nothing was removed." in out) is (left == 3)
    assert len(list((project / "runs").glob("2*"))) == left
