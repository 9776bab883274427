"""Adapters from providers: nothing leaves its folder, nothing is unpickled, nothing larger than an adapter is kept."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from tuneworth.core import RunBroken
from tuneworth.deploy.hosted import weights
from tuneworth.deploy.hosted.weights import check_adapter_files, checked_names, unpack

from .hosted_shapes import ADAPTER, archive, tensors


@pytest.mark.parametrize(
    "path",
    ["../adapter_model.safetensors", "/etc/passwd.json", "a/../../b.json", "c:evil.json", "a\\b.json", "x\0.json", ""],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(RunBroken, match="leads elsewhere"):
        checked_names([path], title="Together AI")


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt", "out/adapter_model.pkl"])
def test_weights_that_would_be_unpickled_are_refused(name: str) -> None:
    with pytest.raises(RunBroken, match="a format that can run code"):
        checked_names([name], title="Together AI")


def test_what_an_adapter_does_not_need_is_left_out_and_one_name_comes_once() -> None:
    names = checked_names(["out/adapter_config.json", "out/optimizer.pt", "out/run.py", ".cache.json"], title="X")
    assert names == {"out/adapter_config.json": "adapter_config.json"}
    with pytest.raises(RunBroken, match="two files with the name"):
        checked_names(["a/adapter_config.json", "b/adapter_config.json"], title="X")
    with pytest.raises(RunBroken, match="more than 200 files"):
        checked_names([f"{n}.json" for n in range(201)], title="X")


@pytest.mark.parametrize("compress", [True, False])
def test_an_archive_is_unpacked_flat(tmp_path: Path, compress: bool) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(archive({f"job/{name}": content for name, content in ADAPTER.items()}, compress=compress))
    (tmp_path / "into").mkdir()
    unpack(packed, tmp_path / "into", title="Together AI")
    assert {path.name: path.read_bytes() for path in (tmp_path / "into").iterdir()} == ADAPTER
    check_adapter_files(tmp_path / "into", title="Together AI")


def test_links_larger_archives_and_other_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        entry = tarfile.TarInfo("adapter_config.json")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    for content, words in (
        (target.getvalue(), "a link or a device"), (b"<html>no</html>" * 99, "not an archive of an adapter"),
        (b"\x28\xb5\x2f\xfdbroken", "not an archive of an adapter"), (b"\x1f\x8bbroken", "not an archive of an adapter"),
    ):  # fmt: skip
        (tmp_path / "packed").write_bytes(content)
        with pytest.raises(RunBroken, match=words):
            unpack(tmp_path / "packed", tmp_path, title="Together AI")
    monkeypatch.setattr(weights, "MOST_BYTES", 10)
    (tmp_path / "packed").write_bytes(archive(ADAPTER))
    with pytest.raises(RunBroken, match="an archive of more than"):
        unpack(tmp_path / "packed", tmp_path, title="Together AI")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("adapter_model.safetensors", None, "sent no adapter_model.safetensors"),
        ("adapter_model.safetensors", b"\x80\x04\x95pickle", "header is longer than the file"),
        ("adapter_model.safetensors", (2).to_bytes(8, "little") + b"{}", "there are no weights"),
        ("adapter_model.safetensors", tensors()[:-1], "weights lie outside the file"),
        ("adapter_model.safetensors", (3).to_bytes(8, "little") + b"{no", "header is not JSON"),
        ("adapter_config.json", json.dumps({"peft_type": "IA3"}).encode(), "does not describe a LoRA adapter"),
        ("adapter_config.json", b"[]", "does not describe a LoRA adapter"),
    ],
)
def test_a_folder_that_is_no_adapter_is_refused(tmp_path: Path, file: str, content: bytes | None, words: str) -> None:
    for name, good in ADAPTER.items():
        (tmp_path / name).write_bytes(good)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(RunBroken, match=words):
        check_adapter_files(tmp_path, title="Together AI")
