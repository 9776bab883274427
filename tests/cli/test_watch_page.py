"""The scheduled job of docs/watch.md: it parses, its options exist, and it goes red for a broken watch only."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest
import yaml

from ..deploy.watched import honest, judge
from ..evaluate.endpoint_server import EndpointServer

PAGE = Path(__file__).parents[2] / "docs" / "watch.md"


def workflow():
    text = PAGE.read_text(encoding="utf-8")
    return yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])


def steps():
    return {step["name"]: step for step in workflow()["jobs"]["watch"]["steps"] if "name" in step}


def test_the_job_is_scheduled_alone_and_may_write_issues_and_the_history():
    job = workflow()
    assert set(job[True]) == {"schedule", "workflow_dispatch"}  # YAML 1.1 reads the key `on` as true
    assert job["permissions"] == {"contents": "write", "issues": "write"}
    assert job["concurrency"] == {"group": "watch"}
    assert steps()["Open or update the issue"]["if"] == "steps.look.outputs.answer != 'as judged'"


def test_the_steps_are_valid_shell():
    for step in steps().values():
        checked = subprocess.run(["bash", "-n", "-c", step["run"]], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


@pytest.mark.slow
def test_the_step_that_looks_passes_for_decide_again_and_fails_for_wrong_input(tmp_path):
    run = judge(tmp_path / "labels")
    with EndpointServer(honest) as server:
        assert looked(tmp_path, run, server.url) == (0, "answer=as judged\n")
        cheap = copytree(run.parent.parent, tmp_path / "cheap")
        file = cheap / "tuneworth.toml"
        text = file.read_text(encoding="utf-8").replace("price_output = 2\n", "price_output = 2000\n")
        file.write_text(text, encoding="utf-8")
        code, answer = looked(tmp_path, cheap / "runs" / run.name, server.url, cost="1000")
        assert (code, answer) == (0, "answer=decide again\n")
        assert (tmp_path / "issue.md").read_text(encoding="utf-8").startswith("# Decide again: ")
        assert json.loads((tmp_path / "watch.json").read_text(encoding="utf-8"))["answer"] == "decide again"
        assert looked(tmp_path, tmp_path / "missing", server.url)[0] == 2


def looked(folder, run, url, cost="1"):
    """The exit code and the output of the step, run by the shell that the service uses."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, words in (("tuneworth", '-m tuneworth.cli "$@"'), ("python", '"$@"')):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    output = folder / "output"
    output.write_text("", encoding="utf-8")
    script = steps()["Look"]["run"].replace("--max-cost 1 ", f"--max-cost {cost} ")
    settings = {"RUN": str(run), "ENDPOINT": url, "MODELS_KEY": "secret", "GITHUB_OUTPUT": str(output)}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], cwd=folder, check=False, capture_output=True,
        env=os.environ | settings | {"PATH": path},
    )  # fmt: skip
    return done.returncode, output.read_text(encoding="utf-8")
