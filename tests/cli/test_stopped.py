"""What is said after Ctrl-C, and after an error that leaves work behind: what is kept, and the command that resumes it."""

import shlex
from pathlib import Path

import pytest

from tuneworth.core import RunBroken
from tuneworth.project import Run
from tuneworth.project.run import resumable, stopped_run

from ..conftest import write_project


@pytest.fixture
def begun(tmp_path):
    """A project with a run in it, of a model that is not there."""
    project = write_project(tmp_path, Path("no model"))
    run = project / "runs" / "20260102-030405-ab"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    return project


@pytest.fixture
def stop(monkeypatch):
    """Let a function of the library end like this."""

    def at(name, error):
        def ends(*_, **__):
            raise error

        monkeypatch.setattr(name, ends)

    return at


def run_names(project):
    return sorted(path.name for path in (project / "runs").iterdir())


@pytest.mark.parametrize("words", [(), ("--run", "NAME"), ("--run=NAME",)])
def test_ctrl_c_in_a_stage_prints_the_command_with_the_name_of_the_run(command, begun, stop, words):
    name = run_names(begun)[0]
    stop("tuneworth.project.training.training.load", KeyboardInterrupt())
    done = command("train", begun, "--seed", "3", *(word.replace("NAME", name) for word in words))
    assert done.code == 3
    said = done.err.strip().splitlines()[-1]
    assert said.startswith("Stopped. Finished work is kept. Resume with: tuneworth train ")
    assert shlex.split(said)[-6:] == ["train", str(begun), "--seed", "3", "--run", name]


def test_an_error_that_leaves_work_behind_ends_with_the_command_that_resumes_it(command, begun, stop):
    stop("tuneworth.project.evaluation.evaluate.evaluate_stage", RunBroken("the endpoint is gone"))
    done = command("evaluate", begun)
    assert done.code == 3
    assert done.err.splitlines()[0] == "tuneworth: the endpoint is gone"
    assert done.err.splitlines()[-1] == f"Resume with: tuneworth evaluate {begun} --run {run_names(begun)[0]}"


@pytest.mark.slow
def test_the_demo_is_resumed_as_a_run(command, tmp_path, stop):
    stop("tuneworth.project.stages._after_curating", KeyboardInterrupt())
    out = tmp_path / "my demo"
    done = command("demo", "--collected", "--out", out)
    assert done.code == 3
    said = done.err.strip().splitlines()[-1]
    assert shlex.split(said)[-5:] == ["tuneworth", "run", str(out), "--run", run_names(out)[0]]


def test_ctrl_c_before_there_is_a_run_says_to_start_again(command, tmp_path, stop):
    project = write_project(tmp_path, Path("no model"))
    stop("tuneworth.project.curation.curate.read_pairs", KeyboardInterrupt())
    done = command("curate", project)
    assert done.code == 3
    assert done.err.strip() == "Stopped. No partial file was left; run the same command to start again."
    assert not (project / "runs").exists()


def test_the_run_is_noted_on_what_interrupts_it_and_on_nothing_else(begun):
    run = Run(begun)
    for error in (KeyboardInterrupt(), RunBroken("x")):
        with pytest.raises(type(error)) as stopped, resumable(run):
            raise error
        assert stopped_run(stopped.value) == run.folder
    with pytest.raises(ValueError, match="y") as stopped, resumable(run):
        raise ValueError("y")
    assert stopped_run(stopped.value) is None
