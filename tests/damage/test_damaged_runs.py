"""Files of real runs are damaged: each command says which file, or does what it would have done; it never breaks.

A sample, the same each time without SEED. MUTATIONS=200 tries so many in each kind of run.
"""

import os
import random
import re
import shlex
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tuneworth.deploy import Pauses

from ..cli.test_endpoint import labels
from ..deploy.hosted_server import KEY, HostedServer
from ..evaluate.endpoint_server import EndpointServer
from ..faults.situation import Command, run
from .mutations import damage
from .other_runs import at_a_provider, in_parts, judged_by_people, reviewed, searched_and_watched
from .runs import (
    NAME,
    RUN,
    Kind,
    at_an_endpoint,
    curated_file,
    judged_outputs,
    judged_project,
    trained_project,
)  # fmt: skip

MUTATIONS = int(os.environ.get("MUTATIONS", "5"))
SEED = int(os.environ.get("SEED", "0"))
LONGEST = 60  # seconds after which a command hangs


@contextmanager
def alarmed() -> Iterator[None]:
    """Ends what waits for ever, such as for the other end of a pipe."""

    def ring(*_: object) -> None:
        raise TimeoutError("the command waits for something")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def damaged_files(kind: Kind, folder: Path) -> list[Path]:
    """The files of its runs that a command may read, as seen from the folder."""
    found = {path for place in kind.damaged for path in (folder / place).rglob("*")}
    kinds = (".json", ".jsonl", ".parquet")
    return sorted(path.relative_to(folder) for path in found if path.suffix in kinds and path.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("make", [
    curated_file, in_parts, judged_outputs, pytest.param(judged_project, marks=pytest.mark.smoke), reviewed, judged_by_people,
])  # fmt: skip
def test_a_damaged_file_is_named_or_does_not_matter(make: Callable[[], Kind], tmp_path: Path) -> None:
    assert attack(make(), tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("make", [at_an_endpoint, searched_and_watched])
def test_a_damaged_file_is_named_where_variants_are_at_an_endpoint(make: Callable[[str], Kind], tmp_path: Path) -> None:
    with EndpointServer(labels) as server:
        assert attack(make(server.url), tmp_path) == []


@pytest.mark.slow
def test_a_damaged_file_is_named_where_a_provider_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTED_KEY", KEY)
    monkeypatch.setattr(Pauses.__init__, "__defaults__", (0.001, 0.001, 0.001, 0.001, 3, time.sleep))
    with HostedServer("together") as server:
        kind, situation = at_a_provider(server)
        assert attack(kind, tmp_path, situation.fresh) == []


@pytest.mark.model
def test_a_damaged_file_is_named_where_a_model_was_trained(tiny_folder: Path, tmp_path: Path) -> None:
    assert attack(trained_project(tiny_folder), tmp_path) == []


def shown(act: Command) -> str:
    """A command, or what is done in the workbench, in words."""
    if not callable(act):
        return " ".join(act)
    does = act.args[0] if isinstance(act, partial) else act
    return shown(does) if isinstance(does, partial) else does.__name__


def attack(kind: Kind, tmp_path: Path, fresh: Callable[[], Any] = lambda: None) -> list[str]:
    """Damage one file after the other, and run a command that reads it: what was not as it should be.

    `fresh` makes a server again what it was before the command.
    """
    rng = random.Random(SEED)
    whole, folder = tmp_path / "whole", tmp_path / "damaged"
    whole.mkdir()
    kind.make(whole)
    files = damaged_files(kind, whole)
    problems = []
    for _ in range(MUTATIONS):
        file, words = rng.choice(files), rng.choice(kind.commands)
        shutil.copytree(whole, folder)
        what = damage(folder / file, rng)
        fresh()
        with alarmed():
            done = run(folder, words)
        breaks = done.code not in (0, 1, 2, 4) or "unexpected error" in done.err or "Traceback" in done.err
        is_named = file.name in done.err or str(file.parent) in done.err
        if breaks or (done.code == 2 and not is_named):
            problems.append(f"seed {SEED}: {shown(words)} with {file} ({what}): {done.code} {done.err[-400:]}")
        shutil.rmtree(folder)
    return problems


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    judged_project().make(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("file", "content", "command"), [
    ("curate/summary.json", "{", ("report", RUN)),
    ("curate/test.jsonl", "", ("report", RUN)),
    ("curate/ledger.parquet", "PAR1", ("why", RUN, "p3")),
    ("evaluate/outputs.jsonl", "", ("report", RUN)),
    ("evaluate/variants.json", "[1]", ("report", RUN)),
    ("results.json", '{"schema": "tuneworth/results/1", "quality": [1]}', ("report", RUN)),
])  # fmt: skip
def test_the_command_that_a_message_names_makes_the_file_again(
    project: Path, tmp_path: Path, file: str, content: str, command: tuple[str, ...]
) -> None:
    folder = Path(shutil.copytree(project, tmp_path / "project"))
    (folder / RUN / file).write_text(content, encoding="utf-8")
    said = run(folder, command)
    assert (said.code, Path(file).name in said.err) == (2, True), said.err
    found = re.search(r"^Remove it, then make it again: tuneworth (.*)$", said.err, re.MULTILINE)
    assert found is not None, said.err
    (folder / RUN / file).unlink()
    again = run(folder, tuple(shlex.split(found[1])))
    assert again.code == 0, again.err
    assert (folder / RUN / file).stat().st_size > len(content), NAME
    done = run(folder, command)
    assert done.code == 0, done.err
