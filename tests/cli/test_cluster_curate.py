"""`tuneworth curate PROJECT --cluster`: the same files as on one machine, resumed after a kill, one message where it fails."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth import Run
from tuneworth.curate import read_ledger, read_overrides, read_split
from tuneworth.project import decisions_file, open_recount

from ..curate.parts.both_ways import contents, messy, write_files
from ..curate.parts.conftest import ray_home

STYLE = """
name: Label
checks:
  - {kind: starts_with, any: [Box, BOX], id: starts}
  - {kind: punctuation, end: none, id: no-stop, level: should}
"""
PROCESSES = '[cluster]\naddress = "processes"\nworkers = 1\npartitions = 3\n'
CURATE = '[curate]\nmethod = "candidates"\nmask = true\ntie_outputs = true\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a folder of files of four kinds, decisions, and rows that were placed before."""
    return make(tmp_path / "project")


def make(folder: Path, cluster: str = PROCESSES, rows: int = 120) -> Path:
    folder.mkdir()
    write_files(folder / "data", messy(rows, 5))
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")
    decided = [{"id": "p3", "decision": "test"}, {"id": "p4", "decision": "drop"}, {"id": "p5", "decision": "keep"}]
    (folder / "overrides.jsonl").write_text("".join(json.dumps(line) + "\n" for line in decided), encoding="utf-8")
    settle(folder, cluster)
    return folder


def settle(folder: Path, cluster: str = PROCESSES, curate: str = CURATE) -> None:
    """Write the project's file anew, with these sections."""
    text = f'[data]\npath = "data"\ngroup = "family"\n{curate}{cluster}'
    (folder / "tuneworth.toml").write_text(text, encoding="utf-8")


def one_machine(command: Callable[..., Any], project: Path) -> Path:
    """The run of a copy of the project, curated on one machine."""
    copy = project.with_name("copy")
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("runs", "splits.jsonl"))
    assert command("curate", copy, "--quiet").code == 0
    return only_run(copy)


def runs(project: Path) -> list[Path]:
    """The runs of a project that were curated."""
    return sorted(path.parent for path in project.glob("runs/*/curate"))


def only_run(project: Path) -> Path:
    (run,) = runs(project)
    return run


def beside(project: Path) -> list[Path]:
    """All that lies in the project's runs but whole runs."""
    return [path for path in project.glob("runs/*") if not (path / "curate" / "summary.json").is_file()]


@pytest.mark.smoke
@pytest.mark.cluster
def test_the_command_leaves_what_one_machine_leaves_and_its_readers_read_it(command, project):
    whole = one_machine(command, project)
    done = command("curate", project, "--cluster", "--quiet", "--json")
    run = only_run(project)
    assert (done.code, done.json["run"]) == (0, str(run))
    assert contents(run) == contents(whole)
    assert (project / "splits.jsonl").read_bytes() == (project.with_name("copy") / "splits.jsonl").read_bytes()
    assert not list(project.glob("runs/jobs/*"))
    for split in ("train", "validation", "test"):
        assert read_split(run, split).equals(read_split(whole, split))
    assert read_ledger(run).equals(read_ledger(whole))
    told = [command("why", place, "p7", "--json").json for place in (run, whole)]
    assert told[0] == told[1]
    assert command("report", run, "--quiet").code == 0
    for made in (whole, run):
        counts = open_recount(Run(made)).counts(read_overrides(decisions_file(made)))
        assert (counts.outcomes, counts.splits) == (done.json["outcomes"], done.json["splits"])
    # Curated again into the same run, the rows stand where they were held.
    before = read_ledger(run)
    assert command("curate", project, "--cluster", "--quiet", "--run", run.name).code == 0
    assert read_ledger(run).equals(before)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sections", "words", "said"),
    [
        (("", CURATE), (), "--cluster needs a section [cluster] in"),
        ((PROCESSES, '[curate]\nmethod = "exact"\n'), (), '[curate] method = "exact" is for one machine'),
        ((PROCESSES, CURATE), ("--dry-run",), "--dry-run cannot be combined with --cluster"),
        ((PROCESSES, CURATE), ("--threshold-table",), "--threshold-table cannot be combined with --cluster"),
        ((PROCESSES.replace("1", "0"), CURATE), (), "workers must be from 1 to"),
        ((PROCESSES + 'storage = "taken"\n', CURATE), (), "the storage failed at"),
        ((PROCESSES + 'storage = "/proc/nowhere"\n', CURATE), (), "the storage failed at"),
        ((PROCESSES + 'storage = "nosuch://bucket"\n', CURATE), (), "nosuch"),
        ((PROCESSES, CURATE + 'stratify = "nothing"\n'), (), "nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_message_and_leaves_nothing(command, project, sections, words, said):
    settle(project, *sections)
    (project / "taken").write_text("a file", encoding="utf-8")
    done = command("curate", project, "--cluster", "--quiet", *words)
    assert done.code in (2, 3)
    assert said in done.err
    assert done.err.startswith("tuneworth: ")
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 4
    assert not [path for path in project.glob("runs/*") if path.name != "jobs"]
    assert not (project / "splits.jsonl").exists()


def test_a_file_of_pairs_is_curated_without_a_cluster(command, project):
    done = command("curate", project / "data" / "a.jsonl", "--cluster", "--out", project / "out")
    assert done.code == 2
    assert "--cluster needs a project" in done.err
    assert not (project / "out").exists()


@pytest.mark.cluster
def test_data_without_a_pair_to_train_on_say_so_and_go_on_once_mended(command, project):
    shutil.rmtree(project / "data")
    (project / "data").mkdir()
    rows = [{"input": f"a {n}", "output": f"Box {n}", "split": "test"} for n in range(9)]
    file = project / "data" / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    settle(project, curate="")
    (project / "tuneworth.toml").write_text(
        (project / "tuneworth.toml").read_text().replace('group = "family"\n', ""), encoding="utf-8"
    )
    done = command("curate", project, "--cluster", "--quiet")
    alone = command("curate", project, "--quiet")
    assert (done.code, done.err) == (alone.code, alone.err)
    assert "no pairs to train on" in done.err
    assert not [path for path in beside(project) if path.name != "jobs"]
    file.write_text(file.read_text().replace('"test"', '"train"', 5), encoding="utf-8")
    assert command("curate", project, "--cluster", "--quiet").code == 0
    assert len(read_split(only_run(project), "train")) == 5


@pytest.mark.cluster
def test_rules_of_the_teams_own_code_run_on_the_workers(command, project):
    (project / "rules.py").write_text("def short(output, pair):\n    return None if len(output) < 60 else 'long'\n")
    style = STYLE + "  - {kind: python, call: rules.short, id: short}\n"
    (project / "style.yaml").write_text(style, encoding="utf-8")
    refused = command("curate", project, "--cluster", "--quiet")
    assert refused.code == 2
    assert "--allow-code" in refused.err
    assert command("curate", project, "--cluster", "--quiet", "--allow-code").code == 0
    assert "style:short" in read_ledger(only_run(project))["rule"].to_list()


# --- broken off and run again ---------------------------------------------------------------------------------------


def start(project: Path, **more: Any) -> subprocess.Popen[str]:
    """The real command, in a process of its own."""
    words = [str(Path(sys.executable).with_name("tuneworth")), "curate", str(project), "--cluster", "--quiet"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def finished(project: Path) -> dict[str, tuple[int, int]]:
    """The finished parts of all jobs, and what tells whether one was done anew."""
    found = {}
    for path in (project / "runs" / "jobs").glob("*/*/*/done.json"):
        stat = path.stat()
        found[str(path)] = (stat.st_ino, stat.st_mtime_ns)
    return found


def kill_at(project: Path, reached: Callable[[dict[str, Any]], bool], **more: Any) -> dict[str, tuple[int, int]]:
    """Start the command, kill it as soon as its finished parts are so far; the parts that were finished then."""
    driver = start(project, **more)
    while not reached(finished(project)):
        assert driver.poll() is None, "the command ended before its time"
        time.sleep(0.001)
    driver.kill()
    driver.communicate()
    assert driver.returncode == -signal.SIGKILL
    return finished(project)


def many_files(project: Path, count: int) -> None:
    """The project's data anew, in so many files, so that there are so many parts."""
    shutil.rmtree(project / "data")
    (project / "data").mkdir()
    rows = messy(6 * count, 8)
    for n in range(count):
        lines = "".join(json.dumps(row) + "\n" for row in rows[6 * n : 6 * n + 6])
        (project / "data" / f"part-{n:03d}.jsonl").write_text(lines, encoding="utf-8")


@pytest.mark.cluster
def test_a_command_killed_at_any_moment_goes_on_where_it_stopped(command, project):
    many_files(project, 40)
    settle(project, PROCESSES.replace("workers = 1", "workers = 2"))
    whole = one_machine(command, project)
    # The last moment is after rows were placed in splits.jsonl, while the run's own files are made.
    moments = [10, 100, "write"]
    before: dict[str, tuple[int, int]] = {}
    for moment in moments:
        known = set(before)
        after = kill_at(
            project,
            (lambda found: any("/write" in path for path in found))
            if moment == "write"
            else (lambda found, least=moment: len(found) >= least),
        )
        assert {path: after.get(path) for path in known} == before
        assert len(after) > len(before)
        assert not runs(project)
        before = after
    assert (project / "splits.jsonl").is_file()
    last = start(project)
    out, err = last.communicate()
    assert (last.returncode, err) == (0, "")
    assert not list(project.glob("runs/jobs/*"))
    found, expected = contents(only_run(project)), contents(whole)
    assert {name: found[name] for name in found if name != "summary"} == {
        name: expected[name] for name in expected if name != "summary"
    }
    assert (project / "splits.jsonl").read_bytes() == (project.with_name("copy") / "splits.jsonl").read_bytes()
    assert out


@pytest.mark.cluster
def test_two_workers_of_ray_leave_what_one_machine_leaves_also_after_a_kill(command, project):
    settle(project, '[cluster]\naddress = "local"\nworkers = 2\n')
    whole = one_machine(command, project)
    with ray_home() as variables:
        environment = os.environ | variables
        kill_at(project, lambda found: len(found) >= 12, env=environment)
        again = start(project, env=environment)
        _, err = again.communicate()
    assert (again.returncode, err) == (0, "")
    assert contents(only_run(project)) == contents(whole)
    assert not list(project.glob("runs/jobs/*"))


@pytest.mark.cluster
def test_a_disk_that_takes_no_more_is_said_and_the_same_command_goes_on(command, project):
    whole = one_machine(command, project)

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))

    full = start(project, preexec_fn=little)
    _, err = full.communicate()
    assert full.returncode == 3
    assert "the storage failed at" in err
    assert "Traceback" not in err
    assert not [path for path in beside(project) if path.name != "jobs"]
    again = start(project)
    _, err = again.communicate()
    assert (again.returncode, err) == (0, "")
    assert contents(only_run(project)) == contents(whole)


@pytest.mark.cluster
def test_rules_about_tokens_are_counted_by_the_workers(command, project, tiny_folder):
    style = STYLE + "  - {kind: length, unit: tokens, max: 62, id: tokens}\n"
    (project / "style.yaml").write_text(style, encoding="utf-8")
    settle(project, f'{PROCESSES}[train]\nmodel = "{tiny_folder}"\n')
    whole = one_machine(command, project)
    assert command("curate", project, "--cluster", "--quiet").code == 0
    assert contents(only_run(project)) == contents(whole)
    assert "style:tokens" in read_ledger(whole)["rule"].to_list()
