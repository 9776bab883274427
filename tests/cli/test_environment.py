"""Commands in an environment that cannot work."""

import polars as pl
import pytest

from tuneworth.train import processes


def test_an_environment_without_threads_is_refused(command, pairs_file, monkeypatch):
    monkeypatch.setenv("POLARS_MAX_THREADS", "0")
    done = command("check", pairs_file)
    assert done.code == 2
    assert done.err.startswith("tuneworth: the environment variable POLARS_MAX_THREADS is 0, so no thread could work\n")


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
