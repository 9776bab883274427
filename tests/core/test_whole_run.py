"""A run is the earlier one or the later one, at every step of a change and for every reader."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tuneworth.core import (
    DataError,
    TuneworthError,
    adopt,
    alone_in_run,
    carry,
    changing,
    check_digests,
    check_whole,
    home_of,
    is_run,
    read_manifest,
    read_unchanged,
    write_whole,
)

from ..faults.steps import Steps, counted

EARLIER = {
    "run.json": '{"id": "a"}',
    "curate/train.jsonl": "old\n",
    "results.json": "{}",
    "curate/test.jsonl": "same\n",
}
FACTS = '{"project": "x"}'  # of an earlier version
LATER = {"run.json": '{"id": "b"}', "curate/train.jsonl": "new\n", "curate/test.jsonl": "same\n", "report.html": "<p>"}


def build(run: Path, files: dict[str, str]) -> None:
    with changing(run, afresh=True) as stage:
        for name, text in files.items():
            write_whole(stage / name, text)


def listed(run: Path) -> dict[str, str]:
    """The files of a run as a reader finds them."""
    manifest = check_whole(run)
    assert manifest is not None
    check_digests(run)
    return {name: (run / name).read_text() for name in manifest.files}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    build(folder := tmp_path / "run", EARLIER)
    (folder / "overrides.jsonl").write_text("a decision\n")
    return folder


def states_at_each_kill(run: Path) -> Iterator[Path]:
    """The folder of the run before each step of replacing it, as a kill at that moment leaves it."""
    killed: list[Path] = []

    def copy(step: int) -> None:
        killed.append(Path(shutil.copytree(run, run.parent / f"killed-{step}")))

    with counted(Steps(run, tells=range(1, 1000), tell=copy)):
        build(run, LATER)
    yield from killed


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_the_earlier_run_or_the_later_one(run: Path) -> None:
    found = []
    for killed in states_at_each_kill(run):
        found.append(listed(killed))
        assert found[-1] in (EARLIER, LATER)
        names = {p.relative_to(killed).as_posix() for p in killed.rglob("*") if p.is_file() and p.name[0] != "."}
        assert names - {"overrides.jsonl", "manifest.json"} - {n for n in names if ".next-run" in n} == set(found[-1])
        assert (killed / "overrides.jsonl").read_text() == "a decision\n"
    assert EARLIER in found
    assert LATER in found
    assert listed(run) == LATER


@pytest.mark.slow(5)
def test_an_error_at_any_step_leaves_the_earlier_run_or_the_later_one(run: Path, tmp_path: Path) -> None:
    steps = Steps(run)
    with counted(steps):
        build(run, LATER)
    for number in range(1, len(steps.names) + 1):
        build(again := tmp_path / f"fails-{number}", EARLIER)
        with counted(Steps(again, fails=number)), suppress(TuneworthError, OSError):
            build(again, LATER)
        assert listed(again) in (EARLIER, LATER)
        assert not (again / ".next-run").exists()


@pytest.mark.slow
def test_a_completion_that_is_interrupted_at_any_step_is_taken_up_again(run: Path, tmp_path: Path) -> None:
    found = [killed for killed in states_at_each_kill(run) if (killed / ".later-run" / "manifest.json").exists()]
    for number in range(1, 40):
        again = Path(shutil.copytree(found[0], tmp_path / f"again-{number}"))
        with counted(Steps(again, fails=number)), suppress(TuneworthError, OSError):
            check_whole(again)
        assert listed(again) == LATER
        assert not (again / ".later-run").exists()


def test_a_block_that_fails_changes_nothing_and_leaves_no_new_folder(run: Path, tmp_path: Path) -> None:
    def fail(place: Path) -> None:
        with changing(place, afresh=True) as stage:
            write_whole(stage / "run.json", "{}")
            raise ValueError("wrong")

    for place in (run, tmp_path / "a" / "new"):
        with pytest.raises(ValueError, match="wrong"):
            fail(place)
    assert listed(run) == EARLIER
    assert not (tmp_path / "a").exists()


def test_other_files_of_the_folder_stay(run: Path) -> None:
    (run / "curate" / "notes.txt").write_text("mine")
    build(run, {"run.json": '{"id": "c"}'})
    assert (run / "curate" / "notes.txt").read_text() == "mine"
    assert not (run / "curate" / "train.jsonl").exists()


def test_a_change_sees_the_run_and_replaces_only_what_it_writes(run: Path) -> None:
    before = (run / "curate" / "train.jsonl").stat().st_ino
    with changing(run) as stage:
        assert (stage / "curate" / "train.jsonl").read_text() == "old\n"
        assert home_of(stage / "results.json") == run / "results.json"
        write_whole(stage / "results.json", '{"a": 1}')
        assert (run / "results.json").read_text() == "{}"
    assert listed(run) == EARLIER | {"results.json": '{"a": 1}'}
    assert (run / "curate" / "train.jsonl").stat().st_ino == before


def test_a_change_within_a_change_is_part_of_it(run: Path) -> None:
    with changing(run) as stage, changing(stage) as inner:
        assert inner == stage


def test_files_made_in_place_become_part_of_the_run(run: Path) -> None:
    write_whole(run / "train" / "adapter" / "weights.bin", "weights")
    write_whole(run / "train" / "summary.json", "{}")
    write_whole(run / "train" / "log.jsonl", "{}\n")  # grows, and so is not listed
    with changing(run) as stage:
        adopt(stage, "train")
    assert listed(run).keys() - EARLIER.keys() == {"train/adapter/weights.bin", "train/summary.json"}
    with changing(run, afresh=True) as stage:
        write_whole(stage / "run.json", '{"id": "d"}')
        carry(stage, "train/")
    assert listed(run).keys() == {"run.json", "train/adapter/weights.bin", "train/summary.json"}


@pytest.mark.parametrize(("name", "content", "said"), [
    ("curate/train.jsonl", "longer\n", "7 bytes instead of 4"),
    ("curate/test.jsonl", None, "the file is missing"),
    ("run.json", '{"id": "z"}', "it belongs to another run than run.json"),
    ("manifest.json", None, "the file is missing"),
])  # fmt: skip
def test_a_mixture_is_refused_by_name(run: Path, name: str, content: str | None, said: str) -> None:
    if content is None:
        (run / name).unlink()
    else:
        (run / name).write_text(content)
    with pytest.raises(DataError, match=said):
        check_whole(run)


def test_other_content_of_the_same_size_is_found_by_the_digest(run: Path) -> None:
    (run / "curate" / "train.jsonl").write_text("odd\n")
    check_whole(run)
    with pytest.raises(DataError, match=r"train\.jsonl: its content is not what was written"):
        check_digests(run)


def test_a_run_of_an_earlier_version_is_read_and_gets_a_manifest(tmp_path: Path) -> None:
    run = tmp_path / "old"
    for name, text in (EARLIER | {"run.json": FACTS, "mine.txt": "mine"}).items():
        write_whole(run / name, text)
    assert check_whole(run) is None
    with changing(run) as stage:
        write_whole(stage / "results.json", "{ }")
    facts = json.loads((run / "run.json").read_text())
    manifest = read_manifest(run)
    assert manifest is not None
    assert manifest.id == facts["id"]
    assert manifest.files.keys() == EARLIER.keys()


def test_nothing_is_read_while_a_change_is_moved_to_its_place(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later, committed = run / ".later-run", iter([True, False])
    # The change is committed right after the run was found at rest, and completed before the next look.
    monkeypatch.setattr(
        "tuneworth.core.stored.whole_run._settle", lambda _: later.mkdir() if next(committed) else later.rmdir()
    )
    assert read_unchanged(run, later.is_dir) is False


@pytest.mark.slow
def test_a_reader_never_sees_a_mixture_while_the_run_is_replaced(run: Path) -> None:
    stop, wrong = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            found = read_unchanged(run, lambda: {n: (run / n).read_text() for n in ("run.json", "curate/train.jsonl")})
            pair = found["run.json"], found["curate/train.jsonl"]
            if pair not in ((EARLIER["run.json"], "old\n"), (LATER["run.json"], "new\n")):
                wrong.append(pair)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(30):
        build(run, LATER if number % 2 else EARLIER)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []


@pytest.mark.parametrize("name", ["../mine.txt", "curate/../../mine.txt", "/tmp/mine.txt"])
def test_names_that_lead_out_of_the_run_are_refused_and_nothing_there_is_touched(run: Path, name: str) -> None:
    mine = run.parent / "mine.txt"
    mine.write_text("mine")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": 4, "sha256": "0"}
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="is not a path in the run"):
        check_whole(run)
    build(run, LATER)
    assert listed(run) == LATER
    assert mine.read_text() == "mine"
    shutil.copytree(run, run / ".later-run")
    (run / ".later-run" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="is not a path in the run"):
        check_whole(run)
    assert mine.read_text() == "mine"


def test_another_command_in_the_run_is_named(run: Path) -> None:
    refused = []

    def other() -> None:
        try:
            with alone_in_run(run, patience=0):
                pass
        except DataError as error:  # pragma: no cover - the wrong kind
            raise AssertionError from error
        except Exception as error:
            refused.append(str(error))

    with alone_in_run(run), alone_in_run(run):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "another command is working in this run" in refused[0]
    assert is_run(run)
