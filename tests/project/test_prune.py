"""Old runs are removed: never one that something depends on, and a kill leaves each run whole or gone."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from tuneworth import ConfigError
from tuneworth.project import list_runs, plan_prune, prune_runs
from tuneworth.project.runs import pruned_runs, test_set_uses

from .made_runs import made_project, made_run, run_name

count_uses = test_set_uses  # its name would be collected as a test
del test_set_uses
ROOT = Path(__file__).parents[2]


def _staying(project: Path, keep: int = 1) -> dict[str, str]:
    return {fate.name: fate.why for fate in plan_prune(project, keep=keep).staying}


def _names(project: Path) -> list[str]:
    return sorted(path.name for path in (project / "runs").iterdir() if path.name[0] != "." and path.is_dir())


def test_the_newest_stay_and_older_ones_go(tmp_path: Path) -> None:
    project = made_project(tmp_path, 5)
    plan = plan_prune(project, keep=2)
    assert [(fate.name, fate.why) for fate in plan.going] == [
        (run_name(day), "older than the newest 2") for day in (3, 2, 1)
    ]
    done = prune_runs(plan)
    assert done.removed == (run_name(3), run_name(2), run_name(1))
    assert done.freed_bytes == sum(fate.disk_bytes for fate in plan.going) > 0
    assert _names(project) == [run_name(4), run_name(5)]
    assert not (project / "runs" / ".pruned").exists()
    assert prune_runs(plan_prune(project, keep=2)).removed == ()


def test_the_newest_verdict_stays_however_old_it_is(tmp_path: Path) -> None:
    project = made_project(tmp_path, 2)
    for day in (3, 4):
        run = made_run(project, day, results=False)
        for file in run.rglob("*"):
            os.utime(file, (0, 0))
    assert _staying(project) == {run_name(4): "the newest run", run_name(2): "the newest run with a verdict"}


def test_the_run_that_commands_open_by_themselves_stays(tmp_path: Path) -> None:
    project = made_project(tmp_path, 3)
    made_run(project, 1, name="zz")
    assert _staying(project)["zz"] == "the last by name, which commands use without --run"


def _folder(name: str) -> Callable[[Path, Path], object]:
    def make(project: Path, run: Path) -> None:
        (run / name).mkdir(parents=True)
        (run / name / "file").touch()

    return make


def _file(name: str, text: str) -> Callable[[Path, Path], object]:
    def write(project: Path, run: Path) -> None:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text.replace("RUN", run.name), encoding="utf-8")

    return write


def _repository(project: Path, run: Path) -> None:
    (project.parent / ".git").mkdir()
    workflows = project.parent / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "watch.yml").write_text(f"run: tuneworth watch p/runs/{run.name}")


DEPENDED = {
    "watched": (_folder("watch"), "it is being watched (watch/)"),
    "served": (_folder("served/local"), "its server was checked against it (served/)"),
    "exported": (_folder("export/ollama"), "it was exported for serving (export/)"),
    "judged": (_folder("judgements"), "people judged its outputs (judgements/)"),
    "judged from files": (_folder("evaluate/judgements"), "people judged its outputs (judgements/)"),
    "trained at a provider": (
        lambda project, run: [
            (run / "train" / "hosted").mkdir(parents=True),
            (run / "train" / "hosted" / "job.json").touch(),
        ],
        "its model was trained at a provider, and the job is recorded here (train/hosted/)",
    ),
    "in the settings": (
        _file("tuneworth.toml", '[data]\npath="p"\n[evaluate.old]\nadapter = "runs/RUN/train/adapter"'),
        "tuneworth.toml names it",
    ),
    "in a script": (_file("deploy/start.sh", "vllm serve --lora runs/RUN/train/adapter"), "deploy/start.sh names it"),
    "in a workflow": (_file(".github/workflows/a.yml", "tuneworth watch runs/RUN"), ".github/workflows/a.yml names it"),
    "in the repository": (_repository, "../.github/workflows/watch.yml names it"),
    "by a link": (
        lambda project, run: (project / "live").symlink_to(f"runs/{run.name}/curate"),
        "the link live names it",
    ),
    "by a link among the runs": (
        lambda project, run: (project / "runs" / "best").symlink_to(run.name),
        "the link runs/best names it",
    ),
    "by another run": (
        lambda project, run: _use(project / "runs" / run_name(4), run.name),
        f"the run {run_name(4)} uses it",
    ),
    "damaged": (
        lambda project, run: (run / "run.json").write_text("{"),
        "damaged (run.json is damaged (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))); "
        "delete it yourself if nothing in it is needed",
    ),
}


def _use(user: Path, name: str) -> None:
    facts = json.loads((user / "run.json").read_text())
    facts["config"]["evaluate"] = {"old": {"adapter": f"../../runs/{name}/train/adapter"}}
    (user / "run.json").write_text(json.dumps(facts))


@pytest.mark.parametrize("case", DEPENDED)
def test_a_run_that_something_depends_on_stays_with_the_reason(tmp_path: Path, case: str) -> None:
    project = made_project(tmp_path / "p", 4)
    depend, why = DEPENDED[case]
    depend(project, project / "runs" / run_name(2))
    assert _staying(project)[run_name(2)] == why
    prune_runs(plan_prune(project, keep=1))
    assert _names(project)[-2:] == [run_name(2), run_name(4)] or _names(project) == [run_name(2), run_name(4), "best"]


def test_a_run_stays_for_one_that_stays_for_another(tmp_path: Path) -> None:
    project = made_project(tmp_path, 4)
    _use(project / "runs" / run_name(4), run_name(2))
    _use(project / "runs" / run_name(2), run_name(1))
    assert _staying(project) == {
        run_name(4): "the newest run",
        run_name(2): f"the run {run_name(4)} uses it",
        run_name(1): f"the run {run_name(2)} uses it",
    }


def test_our_own_lists_logs_and_data_keep_no_run(tmp_path: Path) -> None:
    project = made_project(tmp_path, 2)
    (project / "runs.json").write_text(json.dumps(list_runs(project).to_json(), indent=2))
    (project / "runs.html").write_text(f'<meta name="generator" content="Tuneworth">{run_name(1)}')
    (project / "night.log").write_text(f"Written: runs/{run_name(1)}/report.html")
    (project / "pairs.jsonl").write_text(f'{{"input": "{run_name(1)}"}}')
    assert set(_staying(project)) == {run_name(2)}


def test_a_name_that_people_gave_counts_only_where_a_run_is_meant(tmp_path: Path) -> None:
    project = made_project(tmp_path, 2)
    made_run(project, 1, name="1")
    (project / "start.sh").write_text("sleep 1")
    assert "1" not in _staying(project)
    (project / "start.sh").write_text("tuneworth evaluate --run 1")
    assert _staying(project)["1"] == "start.sh names it"


def test_an_unfinished_run_stays_for_an_hour_and_a_locked_one_as_long_as_it_is(tmp_path: Path) -> None:
    project = made_project(tmp_path, 3)
    run = made_run(project, 1, name="20260930-120000-0000", results=False)
    assert _staying(project)[run.name] == "unfinished, and changed within the last hour"
    for file in run.rglob("*"):
        os.utime(file, (time.time() - 7200,) * 2)
    assert run.name not in _staying(project)
    with FileLock(run / ".training.lock"):
        assert _staying(project)[run.name] == "a command is working on it"
    assert run.name not in _staying(project)


def test_a_run_that_came_into_use_after_the_plan_is_spared(tmp_path: Path) -> None:
    project = made_project(tmp_path, 3)
    plan = plan_prune(project, keep=1)
    _folder("watch")(project, project / "runs" / run_name(1))
    done = prune_runs(plan)
    assert done.removed == (run_name(2),)
    assert [(fate.name, fate.why) for fate in done.spared] == [(run_name(1), "it is being watched (watch/)")]
    assert _names(project) == [run_name(1), run_name(3)]


def test_a_linked_run_stays_and_so_does_what_it_links_to(tmp_path: Path) -> None:
    project, other = made_project(tmp_path / "p", 3), made_project(tmp_path / "other", 1)
    theirs = other / "runs" / run_name(1)
    (project / "runs" / "20260101-000000-aaaa").symlink_to(theirs)
    assert _staying(project)["20260101-000000-aaaa"] == f"it is a link to {theirs}; remove the link yourself"
    prune_runs(plan_prune(project, keep=1))
    assert (theirs / "run.json").is_file()


def test_a_link_to_itself_names_no_run(tmp_path: Path) -> None:
    project = made_project(tmp_path, 3)
    (project / "loop").symlink_to("loop")
    assert len(plan_prune(project, keep=1).going) == 2


def test_links_inside_a_run_are_removed_and_what_they_link_to_is_not(tmp_path: Path) -> None:
    project = made_project(tmp_path / "p", 2)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").touch()
    (project / "runs" / run_name(1) / "base").symlink_to(tmp_path / "model")
    assert prune_runs(plan_prune(project, keep=1)).removed == (run_name(1),)
    assert (tmp_path / "model" / "weights").exists()


@given(st.integers(1, 6), st.integers(1, 8))
def test_never_fewer_than_asked_for_are_left(tmp_path_factory: pytest.TempPathFactory, runs: int, keep: int) -> None:
    project = made_project(tmp_path_factory.mktemp("many"), runs)
    prune_runs(plan_prune(project, keep=keep))
    assert _names(project) == [run_name(day) for day in range(max(1, runs - keep + 1), runs + 1)]


def test_nothing_to_keep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--keep: expected at least 1, found 0"):
        plan_prune(made_project(tmp_path, 1), keep=0)
    assert plan_prune(made_project(tmp_path / "empty"), keep=1).fates == ()


# --- what later runs have to know -----------------------------------------------------------------------------------


def test_a_removed_run_still_counts_as_a_use_of_its_test_set(tmp_path: Path) -> None:
    project = made_project(tmp_path)
    fingerprint, _ = count_uses(project / "runs" / "new", ["a", "b"])
    for day in (1, 2, 3):
        made_run(project, day, test_set=fingerprint)
    assert count_uses(project / "runs" / "new", ["a", "b"]) == (fingerprint, 4)
    prune_runs(plan_prune(project, keep=1))
    assert count_uses(project / "runs" / "new", ["a", "b"]) == (fingerprint, 4)
    with (project / "runs" / "pruned.jsonl").open("a") as file:
        file.write('[1]\n{"name": ')  # damaged lines count for nothing
    assert count_uses(project / "runs" / "new", ["a", "b"]) == (fingerprint, 4)


# --- where the disk refuses -----------------------------------------------------------------------------------------


def test_a_run_that_cannot_be_moved_stays_whole_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made_project(tmp_path, 3)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Any:
        if path.name == run_name(1):
            raise OSError(errno.EROFS, "Read-only file system")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    done = prune_runs(plan_prune(project, keep=1))
    assert done.removed == (run_name(2),)
    assert done.failed == ((run_name(1), "it cannot be moved (Read-only file system)"),)
    assert _names(project) == [run_name(1), run_name(3)]
    assert count_uses(project / "runs" / "new", [])[1] == 1


def test_one_prune_works_at_a_time(tmp_path: Path) -> None:
    project = made_project(tmp_path, 3)
    with (
        FileLock(project / "runs" / ".prune.lock"),
        pytest.raises(ConfigError, match="another prune is running"),
    ):
        prune_runs(plan_prune(project, keep=1))
    assert len(_names(project)) == 3


# Each child ends, as by a kill, at one step that changes the disk: no `finally` runs, no buffer is flushed.
KILLED = """
import os, shutil, sys
from pathlib import Path
sys.path.insert(0, "ROOT")
from tests.project.made_runs import made_project, made_run
from tuneworth.project import list_runs, plan_prune, prune_runs
from tuneworth.project.runs import test_set_uses

STEPS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}
left, at = [10**9], Path("FOLDER")

def step(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event in STEPS or writes:
        left[0] -= 1
        if left[0] < 0:
            os._exit(9)

def whole(run):
    return sorted(file.relative_to(run).as_posix() for file in run.rglob("*") if file.is_file())

sys.addaudithook(step)
for number in range(10_000):
    shutil.rmtree(at, ignore_errors=True)
    project = made_project(at)
    fingerprint, _ = test_set_uses(at / "runs" / "new", ["a"])
    for day in (1, 2, 3):
        made_run(project, day, test_set=fingerprint)
    files = {path.name: whole(path) for path in (at / "runs").iterdir()}
    child = os.fork()
    if child == 0:
        left[0] = number
        prune_runs(plan_prune(project, keep=1))
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    found = {path.name: whole(path) for path in (at / "runs").iterdir() if path.name in files}
    assert all(files[name] == found[name] for name in found), (number, found)
    assert max(files) in found
    assert test_set_uses(at / "runs" / "new", ["a"])[1] == 4, number
    assert {entry.name for entry in list_runs(project)} == set(found), number
    prune_runs(plan_prune(project, keep=1))
    assert [path.name for path in (at / "runs").iterdir() if path.name in files] == [max(files)]
    assert not (at / "runs" / ".pruned").exists(), number
    assert test_set_uses(at / "runs" / "new", ["a"])[1] == 4, number
    if ended == 0:
        print(number)
        break
"""


@pytest.mark.slow
def test_a_prune_killed_at_any_step_leaves_each_run_whole_or_gone_and_the_next_one_finishes(tmp_path: Path) -> None:
    code = KILLED.replace("ROOT", str(ROOT)).replace("FOLDER", str(tmp_path / "p"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 15  # steps: the record, and for each run the move and each of its files


def test_the_record_names_each_run_once(tmp_path: Path) -> None:
    project = made_project(tmp_path, 4)
    prune_runs(plan_prune(project, keep=2))
    prune_runs(plan_prune(project, keep=1))
    assert sorted(record["name"] for record in pruned_runs(project / "runs")) == [run_name(day) for day in (1, 2, 3)]
