"""The command `tuneworth review`: how it starts, what it says, how it ends."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tuneworth.core import install_command

from .served import COMMAND, serving
from .small_runs import curated, plain_pairs


@pytest.mark.slow
def test_it_prints_the_address_and_ends_with_what_was_decided(project):
    with serving(project) as served:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", served.address)
        assert served.said["overrides"] == str(project / "overrides.jsonl")
        client = served.client()
        for kind in ("conflict", "rejected"):
            item = client.item(kind)
            assert client.decide(item, item["actions"][0]["action"]).status_code == 200
        assert client.undo().status_code == 200
        code, err = served.stop()
    assert code == 0
    assert err == f"Stopped. 2 decisions made here, in {project / 'overrides.jsonl'}\n"


@pytest.mark.slow
def test_a_sigterm_ends_it_as_well(made):
    with serving(made) as served:
        served.client().state()
        assert served.end(signal.SIGTERM) == 0


@pytest.mark.slow
def test_each_start_has_another_token(made):
    with serving(made) as one, serving(made) as other:
        tokens = {served.address.rsplit("/", 2)[1] for served in (one, other)}
        assert len(tokens) == 2
        address = other.origin + "/" + one.address.rsplit("/", 2)[1] + "/api/state"
        assert other.client().http.get(address).status_code == 404


@pytest.mark.slow
def test_the_next_start_has_the_port_of_the_last_one_and_another_at_the_same_time_has_not(made):
    with serving(made) as one, serving(made) as other:
        assert one.origin != other.origin
    with serving(made) as again:
        assert again.origin == one.origin


@pytest.mark.slow
def test_a_stated_port_is_taken_and_a_second_server_says_so(made):
    with serving(made) as served:
        port = served.origin.rsplit(":", 1)[1]
        done = subprocess.run([*COMMAND, str(made), "--port", port], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1, port {port}" in done.stderr


def test_other_machines_are_let_in_only_on_request(command, made):
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.invalid"):
        done = command("review", made, "--host", host, "--no-open")
        assert done.code == 2
        assert "add --allow-remote" in done.err


@pytest.mark.slow
def test_with_leave_other_machines_get_in_after_a_warning(made):
    with serving(made, "--host", "0.0.0.0", "--allow-remote") as served:
        port = served.origin.rsplit(":", 1)[1]
        address = f"http://127.0.0.1:{port}/" + served.address.split("/", 3)[3]
        assert served.client().http.get(address + "api/state").status_code == 200
        other = served.client().http.get(address + "api/state", headers={"Host": f"evil.example:{port}"})
        assert other.status_code == 403
        _, err = served.stop()
    assert "warning: anyone who knows this address can read the data" in err


@pytest.mark.parametrize("what", ["nothing", "file", "project"])
def test_what_is_no_run_is_an_error_that_says_so(command, tmp_path, what):
    path = tmp_path / what
    if what == "file":
        path.write_text("x")
    if what == "project":
        path.mkdir()
        (path / "tuneworth.toml").write_text("[data]\npath = 'x'\n")
    done = command("review", path, "--no-open")
    assert done.code == 2
    assert ("has no run yet" if what == "project" else "is neither a run") in done.err


@pytest.mark.slow
def test_a_run_of_a_file_is_served_with_its_own_decisions(command, pairs_file, tmp_path):
    command("curate", pairs_file, "--out", tmp_path / "clean")
    with serving(Path("clean"), "--who", "Ada", cwd=tmp_path) as served:
        state = served.client("").state()
        assert state["overrides"] == str(tmp_path / "clean/overrides.jsonl")
        assert (state["who"], state["project"]) == ("Ada", "pairs")


@pytest.mark.slow
def test_a_run_without_anything_to_decide_has_an_empty_queue(tmp_path):
    run = curated(tmp_path / "parts", plain_pairs())
    with serving(run.folder) as served:
        client = served.client()
        assert client.state()["kinds"] == []
        assert client.http.get("api/item", params={"kind": "conflict"}).status_code == 404


@pytest.mark.slow
def test_without_its_packages_the_command_says_how_to_install_them(made, tmp_path):
    """A Python that finds no starlette, as in an install without the extra."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'starlette' else find(name, *more)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tuneworth.cli", "review", str(made)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert f"the workbench needs starlette\nInstall with: {install_command('review')}" in done.stderr
