"""Paths that are not regular files are refused at once, with a clear message."""

import os
import socket
from pathlib import Path

import pytest

from tuneworth.core import ConfigError, DataError, need_regular, open_regular, read_regular, write_whole

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")


def test_a_regular_file_and_a_link_to_one_are_read(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes(b"text\r\n")
    (tmp_path / "link").symlink_to(file)
    assert read_regular(file) == read_regular(tmp_path / "link") == b"text\r\n"


@posix
def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "link"):
        with pytest.raises(DataError, match=r"is not a file but a pipe; write its contents to a file first"):
            open_regular(path)


@posix
def test_a_pipe_that_replaces_a_file_is_refused_without_waiting(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    seen = (tmp_path / "file").stat()
    monkeypatch.setattr(Path, "stat", lambda path: seen)
    with pytest.raises(DataError, match="a pipe"):
        open_regular(tmp_path / "pipe")


@posix
def test_sockets_devices_and_folders_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for path, said in (
            ("socket", "a socket"),
            ("/dev/null", "a device"),
            (".", "is a folder; name the guide in it"),
        ):
            with pytest.raises(ConfigError, match=said):
                need_regular(Path(path), what="guide", error=ConfigError)


def test_standard_input_is_not_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="standard input is not read"):
        open_regular(Path("-"))


def test_a_missing_file_is_still_a_system_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


@posix
def test_nothing_is_written_over_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="a pipe"):
        write_whole(tmp_path / "pipe", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert (tmp_path / "pipe").is_fifo()
