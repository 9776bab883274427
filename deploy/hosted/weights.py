"""Unpacks an adapter from a provider: safe names, limited size, safetensors only, and nothing that could run code."""

import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ...core import RunBroken, disk_refusals, printable, read_object, say

MOST_BYTES = 16 * 2**30  # of an adapter: rank 64 on all layers of a model with 400 billion parameters takes 7 GiB
MOST_FILES = 200
HEADER = 100 * 2**20  # bytes of a safetensors header, as its own library limits it
NEEDED = ("adapter_config.json", "adapter_model.safetensors")
KEPT = (".safetensors", ".json", ".jinja", ".txt", ".md")
KEPT_NAMES = ("tokenizer.model", "LICENSE", "NOTICE")
RUNS = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".py", ".npz", ".npy", ".h5", ".msgpack")  # pickles, or code
MAGIC = {b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b": "gzip"}
PIECE = 2**20


def checked_names(paths: Iterable[str], *, title: str) -> dict[str, str]:
    """The name under which to store each file, without files that an adapter does not need.

    Raises: RunBroken if a path leads outside, two files have the same name, or weights would have to be unpickled.
    """
    names: dict[str, str] = {}
    for number, path in enumerate(paths):
        parts = PurePosixPath(path).parts
        if number >= MOST_FILES:
            raise RunBroken(f"{title} sent more than {MOST_FILES} files for an adapter; nothing was kept.")
        if not parts or path.startswith("/") or "\\" in path or ":" in path or "\0" in path or ".." in parts:
            raise RunBroken(
                f'{title} sent a file with the path "{printable(path[:80])}", which leads elsewhere; nothing was kept.'
            )
        name = parts[-1]
        if name.startswith("adapter_model") and name.endswith(RUNS):
            raise RunBroken(
                f'{title} sent the weights as "{printable(name[:80])}", a format that can run code when it is loaded; nothing '
                "was kept. Only safetensors is read."
            )
        if not (name.endswith(KEPT) or name in KEPT_NAMES) or name.startswith("."):
            continue
        if name in names.values():
            raise RunBroken(f'{title} sent two files with the name "{printable(name[:80])}"; nothing was kept.')
        names[path] = name
    return names


def unpack(archive: Path, into: Path, *, title: str) -> None:
    """Write the files of a tar archive, plain or compressed by zstd or gzip, into a folder.

    Raises: RunBroken if it is not an archive, contains links or outside paths, or is larger than an adapter can be.
    """
    seen: list[str] = []
    rest = MOST_BYTES
    try:
        with disk_refusals(into), _opened(archive) as content, tarfile.open(fileobj=content, mode="r|") as tar:
            for member in tar:
                if member.isdir():
                    continue
                seen.append(member.name)
                name = checked_names(seen, title=title).get(member.name)
                if not member.isreg():
                    raise RunBroken(f"{title} sent an archive with a link or a device in it; nothing was kept.")
                rest -= member.size
                if rest < 0:
                    raise RunBroken(f"{title} sent an archive of more than {say.size(MOST_BYTES)}; nothing was kept.")
                if name is not None and (source := tar.extractfile(member)) is not None:
                    _copy(source, into / name)
    except (tarfile.TarError, EOFError, ValueError, OSError, zlib.error, _zstd().ZstdError) as error:
        raise RunBroken(
            f"{title} sent something that is not an archive of an adapter ({str(error)[:80]}).\nRun the same command again to "
            "fetch it again."
        ) from None


@contextmanager
def _opened(archive: Path) -> Iterator[IO[bytes]]:
    """The decompressed archive, as a stream."""
    with archive.open("rb") as file:
        kind = next((name for magic, name in MAGIC.items() if file.peek(4).startswith(magic)), None)  # type: ignore[attr-defined]
        if kind == "gzip":
            import gzip

            with gzip.open(file) as content:
                yield content  # type: ignore[misc]
        elif kind == "zstd":
            with _zstd().open(file) as content:
                yield content
        else:
            yield file


def _zstd() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found]
    except ImportError:
        from backports import zstd
    return zstd


def _copy(source: IO[bytes], to: Path) -> None:
    with to.open("wb") as file:
        while piece := source.read(PIECE):
            file.write(piece)


def check_adapter_files(folder: Path, *, title: str) -> None:
    """Check that the folder holds a LoRA adapter in PEFT format with readable weights.

    Raises: RunBroken if a file is missing or invalid.
    """
    if missing := [name for name in NEEDED if not (folder / name).is_file()]:
        raise RunBroken(f"{title} sent no {' and no '.join(missing)}, so there is no adapter; nothing was kept.")
    if str(read_object(folder / NEEDED[0]).get("peft_type")).upper() != "LORA":
        raise RunBroken(f"{title} sent an adapter_config.json that does not describe a LoRA adapter; nothing was kept.")
    for file in folder.glob("*.safetensors"):
        if (problem := _tensor_problem(file)) is not None:
            raise RunBroken(f"{title} sent {printable(file.name)}, in which {problem}; nothing was kept.")


def _tensor_problem(file: Path) -> str | None:
    """What is wrong with a safetensors file (8 bytes with the header's length, the header as JSON, the tensors)."""
    size = file.stat().st_size
    with file.open("rb") as content:
        length = int.from_bytes(content.read(8), "little")
        if size < 8 or length > min(HEADER, size - 8):
            return "the header is longer than the file"
        try:
            header = json.loads(content.read(length))
        except (ValueError, RecursionError):
            return "the header is not JSON"
    tensors = (
        {name: entry for name, entry in header.items() if name != "__metadata__"} if isinstance(header, dict) else {}
    )
    if not tensors:
        return "there are no weights"
    for entry in tensors.values():
        places = entry.get("data_offsets") if isinstance(entry, dict) else None
        if not isinstance(places, list) or [type(place) for place in places] != [int, int]:
            return "weights lie outside the file"
        if not 0 <= places[0] <= places[1] <= size - 8 - length:
            return "weights lie outside the file"
    return None
