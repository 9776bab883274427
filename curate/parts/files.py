"""Files in a folder or behind a URL: atomic writes, range reads."""

import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from ...core import ConfigError, install_command

_DRIVERS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


class Files(Protocol):
    """The operations that a storage needs; names are relative, with `/` between folders."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically: readers see either the old bytes or the new ones."""
        ...

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Read a file or a range of it. Raises: FileNotFoundError."""
        ...

    def size(self, name: str) -> int | None:
        """The bytes of a file; None if it does not exist."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with its contents; does nothing if it does not exist."""
        ...


@dataclass(frozen=True)
class FolderFiles:
    """Files in a folder on this machine, or in one that all machines share."""

    folder: Path

    def write(self, name: str, data: bytes) -> None:
        """Write under a temporary name, then rename."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            part.write_bytes(data)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Read a file or a range of it."""
        with (self.folder / name).open("rb") as file:
            file.seek(start)
            return file.read(-1 if length is None else length)

    def size(self, name: str) -> int | None:
        """The bytes of a file; None if it does not exist."""
        try:
            return (self.folder / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with its contents, and any parent folders that become empty."""
        path = self.folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.folder or self.folder not in folder.parents:
                return
            with suppress(OSError):  # files of another job
                folder.rmdir()


@dataclass(frozen=True)
class UrlFiles:
    """Files behind a URL that fsspec supports. An object store shows an object only once it is complete."""

    url: str

    def connect(self) -> None:
        """Open the connection. Raises: ConfigError."""
        _ = self._place

    @cached_property
    def _place(self) -> tuple[Any, str]:
        return _connect(self.url)

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url}  # each process opens its own connection

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def write(self, name: str, data: bytes) -> None:
        """Write a file in one request."""
        system, root = self._place
        path = f"{root}/{name}"
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        system.pipe_file(path, data)

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Read a file or a range of it."""
        system, root = self._place
        return system.cat_file(f"{root}/{name}", start=start, end=None if length is None else start + length)

    def size(self, name: str) -> int | None:
        """The bytes of a file; None if it does not exist."""
        system, root = self._place
        try:
            return int(system.info(f"{root}/{name}")["size"])
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """Delete a file, or every file under that prefix."""
        system, root = self._place
        try:
            system.rm(f"{root}/{name}", recursive=True)
        except FileNotFoundError:
            return


def files_at(place: str | Path) -> Files:
    """The files in a folder or behind a URL such as `s3://bucket/folder`.

    Raises: ConfigError if fsspec or the URL's own package is missing, with the install command.
    """
    text = os.fspath(place)
    if text.startswith("file://"):
        return FolderFiles(Path(text.removeprefix("file://")))
    if "://" not in text:
        return FolderFiles(Path(text).absolute())
    files = UrlFiles(text.rstrip("/"))
    files.connect()  # report a missing package before any work starts
    return files


def _connect(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise ConfigError(f"storage {url}: URLs need fsspec\nInstall it: {install_command('cluster')}") from None
    scheme = url.split("://", 1)[0]
    try:
        # Writes of other nodes must be visible at once: directory listings are not cached.
        system, root = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        package = _DRIVERS.get(scheme)
        advice = f"Install it on every node: pip install {package}" if package else str(error)
        raise ConfigError(f"storage {url}: the package for {scheme}:// is not installed\n{advice}") from None
    except ValueError as error:
        raise ConfigError(
            f"storage {url}: {error}\nUse a folder, s3://, gs://, az:// or another URL that fsspec supports."
        ) from None
    return system, root.rstrip("/")
