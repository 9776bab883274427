"""Makes each step of a command fail, one after the other, and compares what it leaves with what it should have left."""

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .situation import Outcome, Situation, run
from .steps import Steps
from .trees import Tree, final_tree_problems, partial_file_problems, run_problems, tree_of

__all__ = ["Coverage", "Snapshot", "exit_problems", "find_problems", "rerun_problems", "snapshots"]


@dataclass(frozen=True)
class Coverage:
    """The steps of a situation by kind, and the number of faults that were injected."""

    name: str
    steps: Counter[str]
    faults: int


@dataclass(frozen=True)
class Snapshot:
    """A folder, its files, and the steps that led to them."""

    folder: Path
    tree: Tree
    steps: Steps


def snapshots(situation: Situation, home: Path) -> tuple[Snapshot, Snapshot]:
    """The folder of a situation before the command, and after the complete command."""
    before = home / "before"
    before.mkdir()
    situation.make(before)
    tree_before = tree_of(before, situation)
    after = _copied(before, home / "whole")
    steps = Steps(after)
    situation.fresh()
    outcome = run(after, situation.words, steps)
    assert outcome.code == 0, outcome.err
    return Snapshot(before, tree_before, Steps(before)), Snapshot(after, tree_of(after, situation), steps)


def find_problems(situation: Situation, home: Path, *, most: int | None, seed: int) -> tuple[Coverage, list[str]]:
    """Let each step fail, or `most` of them by `seed`: the coverage, and a message for each problem.

    Each chosen step fails once, and once the process is killed just before it. What a killed process leaves is its folder
    at that moment, so a single run that copies the folder at each chosen step stands for all kills. After either fault, no
    file may be in a state other than before or after the command; and a rerun must lead to the expected files, without
    leftovers.
    """
    before, after = snapshots(situation, home)
    names = after.steps.names
    chosen = _chosen_steps(len(names), most, seed)
    problems, faults = [], 0

    def check(fault: str, step: int, folder: Path, outcome: Outcome | None = None) -> None:
        nonlocal faults
        faults += 1
        found = list(exit_problems(outcome)) if outcome else []
        found += run_problems(folder)
        found += partial_file_problems(tree_of(folder, situation), before.tree, after.tree, situation)
        found += rerun_problems(folder, situation, after.tree)
        where = f"{situation.name}, {fault} step {step} of {len(names)} ({names[step - 1]})"
        problems.extend(f"{where}: {problem}" for problem in found)
        shutil.rmtree(folder)

    for step in chosen:
        folder = _copied(before.folder, home / "fails")
        situation.fresh()
        steps = Steps(folder, fails=step)
        outcome = run(folder, situation.words, steps)
        if len(steps.names) < step:  # how often a thread polls varies, so a run may have fewer steps
            shutil.rmtree(folder)
            continue
        _orphan_temporary_files(folder)
        check("failed", step, folder, outcome)
    for step, folder in _killed(situation, before.folder, home, set(chosen)):
        check("killed at", step, folder)
    return Coverage(situation.name, Counter(names), faults), problems


def exit_problems(outcome: Outcome) -> Iterator[str]:
    """What is wrong with the exit code and the message of a command that met a fault."""
    end = outcome.err.strip()[-300:]
    if outcome.code not in (0, 2, 3):
        yield f"exits with {outcome.code}: {end}"
    for word in ("Traceback", "unexpected error"):
        if word in outcome.err:
            yield f"prints {word!r}: {end}"
    if outcome.code != 0 and outcome.err.count("tuneworth: ") != 1:
        yield f"does not print exactly one message: {end!r}"


def rerun_problems(folder: Path, situation: Situation, expected: Tree) -> Iterator[str]:
    """What is wrong after the command ran again in the folder that a fault left."""
    outcome = run(folder, situation.words)
    refused = outcome.code == 2 and any(words in outcome.err for words in situation.may_refuse)
    if outcome.code != 0 and not refused:
        yield f"run again, it exits with {outcome.code}: {outcome.err.strip()[-300:]}"
    for problem in final_tree_problems(tree_of(folder, situation), expected, situation):
        yield f"run again, {problem}"


def _chosen_steps(total: int, most: int | None, seed: int) -> list[int]:
    """All step numbers from 1, or a sample of `most`."""
    steps = range(1, total + 1)
    return list(steps) if most is None or total <= most else sorted(random.Random(seed).sample(steps, most))


def _killed(situation: Situation, before: Path, home: Path, steps: set[int]) -> Iterator[tuple[int, Path]]:
    """The folder just before each of these steps that the run reaches, moved to where the command ran."""
    folder = _copied(before, home / "fails")

    def copy(step: int) -> None:
        killed = home / f"killed-{step}" / "project"
        shutil.copytree(folder, killed, symlinks=True, ignore_dangling_symlinks=True)
        _orphan_temporary_files(killed)

    situation.fresh()
    outcome = run(folder, situation.words, Steps(folder, tells=steps, tell=copy))
    assert outcome.code == 0, outcome.err
    shutil.rmtree(folder)
    for step in sorted(steps):
        if (killed := home / f"killed-{step}" / "project").is_dir():
            yield step, killed.rename(folder)


def _orphan_temporary_files(folder: Path) -> None:
    """Rename the temporary files of this process as if a dead process had left them, as after a kill."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for path in sorted(folder.rglob(f"*.{os.getpid()}.*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(path.name.replace(f".{os.getpid()}.", f".{dead.pid}.")))


def _copied(folder: Path, to: Path) -> Path:
    """A copy in `to`, always under the same name, since some commands derive names from the folder's."""
    return Path(shutil.copytree(folder, to / "project", symlinks=True))
