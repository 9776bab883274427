"""Commands in an environment that cannot work."""

import errno
import os
import sys

import polars as pl
import pytest

from tuneworth.cli import main
from tuneworth.train import processes


def test_an_environment_without_threads_is_refused(command, pairs_file, monkeypatch):
    monkeypatch.setenv("POLARS_MAX_THREADS", "0")
    done = command("check", pairs_file)
    assert done.code == 2
    assert done.err.startswith("tuneworth: the environment variable POLARS_MAX_THREADS is 0, so no thread could work\n")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files", "pairs.jsonl"),
        pl.exceptions.PanicException('Os { code: 24, message: "Too many open files" }'),
    ],
)
def test_too_many_open_files_are_the_limit_of_the_shell(command, pairs_file, monkeypatch, error):
    def breaks(*_, **__):
        raise error

    monkeypatch.setattr("tuneworth.project.check_data", breaks)
    done = command("check", pairs_file)
    assert done.code == 3
    assert done.err.startswith("tuneworth: too many open files. ")
    assert "ulimit -n" in done.err


def test_a_panic_is_an_unexpected_error_with_a_log(command, pairs_file, monkeypatch, tmp_path):
    def panics(*_, **__):
        raise pl.exceptions.PanicException("an index is out of bounds")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tuneworth.project.check_data", panics)
    done = command("check", pairs_file)
    assert done.code == 3
    assert done.err.startswith(
        f"tuneworth: unexpected error: PanicException: an index is out of bounds\nThe log is in {tmp_path}"
    )


@pytest.mark.parametrize("rank", [None, "first"])
def test_the_environment_of_a_broken_launcher_is_named(command, pairs_file, monkeypatch, rank):
    monkeypatch.setattr(processes, "_known", [])
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    done = command("check", pairs_file)
    assert done.code == 2
    assert "RANK, MASTER_ADDR, MASTER_PORT are missing or not a number" in done.err


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_reader_that_leaves_is_no_gate_that_failed(pairs_file, tmp_path, name):
    reads, writes = os.pipe()
    os.close(reads)
    with pytest.MonkeyPatch.context() as patch, os.fdopen(writes, "w", encoding="utf-8") as stream:
        patch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as left:
            main(["style", "infer", str(pairs_file), "--out", str(tmp_path / "style.yaml")])
        stream.flush()  # as Python does when it ends
    assert left.value.code == 3


def test_an_unexpected_error_is_told_even_if_its_log_cannot_be_written(command, pairs_file, monkeypatch, tmp_path):
    def breaks(*_, **__):
        raise AssertionError("a fault of ours")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    monkeypatch.setattr("tuneworth.project.check_data", breaks)
    done = command("check", pairs_file)
    assert done.code == 3
    assert done.err.splitlines() == [
        "tuneworth: unexpected error: AssertionError: a fault of ours",
        "Its log cannot be written (No such file or directory); run the command again with --debug.",
    ]


@pytest.mark.parametrize(("name", "reason"), [("loop", "symbolic links"), ("file", "Not a directory")])
def test_a_path_that_is_not_what_it_should_be_is_the_users_to_mend(command, pairs_file, tmp_path, name, reason):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    done = command("curate", pairs_file, "--out", tmp_path / name / "clean")
    assert done.code == 2
    assert str(tmp_path / name) in done.err
    assert reason in done.err
    assert done.err.endswith("Remove, rename or replace it, then run the same command again.\n")


def test_a_file_in_place_of_a_new_folder_is_the_users_to_mend(command, pairs_file):
    done = command("init", pairs_file)
    assert done.code == 2
    assert f"{pairs_file}: File exists" in done.err


def test_an_option_is_repeated_without_characters_that_control_a_terminal(command, pairs_file):
    done = command("check", pairs_file, "--limit", "\u202eabc")
    assert done.code == 2
    assert 'found "\\u202eabc"' in done.err


def test_outputs_behind_a_link_to_itself_are_the_users_to_mend(command, pairs_file, style_file, tmp_path):
    loop = tmp_path / "loop.jsonl"
    loop.symlink_to(loop.name)
    outputs = ("--outputs", f"a={loop}", "--outputs", f"b={loop}")
    done = command("evaluate", "--pairs", pairs_file, *outputs, "--style", style_file, "--out", tmp_path / "judged")
    assert done.code == 2
    assert f"{loop}: " in done.err
    assert "symbolic links" in done.err
