"""Jobs at providers, against a local server with their published shapes: once per content, whatever happens in between."""

import hashlib
import json
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import DataError, Key
from tuneworth.deploy import Pauses
from tuneworth.deploy.hosted.client import Client
from tuneworth.deploy.hosted.fireworks import Fireworks
from tuneworth.deploy.hosted.job import HostedJob, job_key, read_job
from tuneworth.deploy.hosted.provider import JobRequest, Upload
from tuneworth.deploy.hosted.together import Together

from .hosted_server import KEY, HostedServer
from .hosted_shapes import File

PROVIDERS = ["together", "fireworks"]
MODELS = {
    "together": "Qwen/Qwen3-8B",
    "fireworks": "accounts/fireworks/models/qwen3-8b",
}
FAST = Pauses(first=0.001, longest=0.001, check=0.001, checks_at_most=0.001)


def provider_at(server: HostedServer) -> Together | Fireworks:
    return (
        Together(base_url=server.url)
        if server.provider == "together"
        else Fireworks(account="acme", base_url=server.url)
    )


def upload(folder: Path, role: Any, lines: int) -> Upload:
    def chat(n: int) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": f"{role} {n}"}, {"role": "assistant", "content": f"Box {n}"}]}

    content = "".join(json.dumps(chat(n)) + "\n" for n in range(lines)).encode()
    (folder / f"{role}.jsonl").write_bytes(content)
    return Upload(role, folder / f"{role}.jsonl", hashlib.sha256(content).hexdigest(), len(content), lines)


def run(server: HostedServer, folder: Path, *, key: str = KEY, pauses: Pauses = FAST, **changes: Any) -> dict[str, Any]:
    """Run the job of two small files to its end, as a command would."""
    folder.mkdir(exist_ok=True)
    provider = provider_at(server)
    uploads = [upload(folder, "train", 12), upload(folder, "validation", 4)]
    asked: dict[str, Any] = {"epochs": 3, "evaluations": 3, "rank": 8} | changes
    hashes = {one.role: one.sha256 for one in uploads}
    request = JobRequest(
        key=job_key(hashes, provider=provider.name, model=MODELS[provider.name], hyperparameters=asked, attempt=0),
        model=MODELS[provider.name], suffix="labels", **asked,
    )  # fmt: skip
    with Client(
        provider.base_url, Key(key, "TEST_KEY"), title=provider.title, advice=provider.advice, pauses=pauses
    ) as client:
        job = HostedJob(folder, provider, client, request, uploads, lambda text: None, pauses=pauses)
        job.begin(bill={"cost_at_most": 1.5}, dropped=0, epochs_by_rule=False)
        return job.run(folder.parent / "adapter")


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_job_sends_its_files_and_gets_its_model_and_adapter(name: str, tmp_path: Path) -> None:
    with HostedServer(name) as server:
        record = run(server, tmp_path / "hosted")
    assert record["step"] == "done"
    assert record["status"] == "succeeded"
    assert record["tuned_model"]
    assert len(server.jobs) == 1
    assert sorted(map(len, server.complete)) == sorted(file["bytes"] for file in record["files"].values())
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()
    assert {"together": ("12000", "4"), "fireworks": ("None", "1.25")}[name] == (
        str(record["tokens"]), str(record["cost"]),
    )  # fmt: skip


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_same_content_is_sent_and_paid_once(name: str, tmp_path: Path) -> None:
    with HostedServer(name) as server:
        (tmp_path / "a").mkdir()
        run(server, tmp_path / "a" / "hosted")
        asked = len(server.asked)
        run(server, tmp_path / "a" / "hosted")
        assert len(server.asked) == asked  # everything is in the record
        (tmp_path / "b").mkdir()
        run(server, tmp_path / "b" / "hosted")  # another run with the same content takes the job up
        assert (len(server.jobs), len(server.files)) == (1, 2)
        (tmp_path / "c").mkdir()
        run(server, tmp_path / "c" / "hosted", epochs=4)  # another job, the same files
        assert (len(server.jobs), len(server.files)) == (2, 2)


def test_an_adapter_is_fetched_with_and_without_a_redirect(tmp_path: Path) -> None:
    for redirects in (True, False):
        (tmp_path / f"{redirects}").mkdir()
        with HostedServer("together", redirects=redirects) as server:
            run(server, tmp_path / f"{redirects}" / "hosted")
        assert any("/signed/adapters/" in asked for asked in server.asked) is redirects
        assert (tmp_path / f"{redirects}" / "adapter" / "adapter_config.json").is_file()


@pytest.mark.parametrize("name", PROVIDERS)
def test_what_exists_is_found_among_much_else(name: str, tmp_path: Path) -> None:
    with HostedServer(name) as server:
        server.files = {f"other-{n}": File(f"other-{n}.jsonl", b"{}\n", read=True) for n in range(5)}
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
            run(server, tmp_path / folder / "hosted")
    assert (len(server.jobs), len(server.files)) == (1, 5 + 2)


def test_a_large_file_goes_to_a_signed_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuneworth.deploy.hosted.fireworks.DIRECT", 10)
    with HostedServer("fireworks") as server:
        assert run(server, tmp_path / "hosted")["step"] == "done"
    assert sum(":validateUpload" in asked for asked in server.asked) == 2
    assert not any(":upload" in asked for asked in server.asked)


@pytest.mark.slow(10)
@pytest.mark.parametrize("name", PROVIDERS)
def test_a_kill_at_any_request_starts_no_second_job(name: str, tmp_path: Path) -> None:
    with HostedServer(name) as server:
        run(server, tmp_path / "hosted")
    assert len(server.asked) >= 8
    for number, asked in enumerate(server.asked):
        if asked != server.asked[number - 1]:  # another look at the same thing changes nothing
            killed_at(name, number, "before", tmp_path / f"before-{number}")
        if not asked.startswith("GET"):
            killed_at(name, number, "after", tmp_path / f"after-{number}")


def killed_at(name: str, number: int, moment: str, folder: Path) -> None:
    """Kill a process before or after request `number` has its effect, then run the same job to its end."""
    folder.mkdir()
    gone = threading.Event()
    with HostedServer(name) as server:
        ready, go = os.pipe()
        child = os.fork()
        if not child:
            os.read(ready, 1)
            with suppress(BaseException):
                run(server, folder / "hosted")
            os._exit(0)

        def kill(at: int) -> None:
            if at == number:
                os.kill(child, signal.SIGKILL)
                gone.wait()

        setattr(server, moment, kill)
        os.write(go, b".")
        _, status = os.waitpid(child, 0)
        gone.set()
        assert os.WIFSIGNALED(status), (moment, number)
        setattr(server, moment, lambda at: None)
        record = run(server, folder / "hosted")
    assert record["step"] == "done", (moment, number)
    assert len(server.jobs) == 1, (moment, number)
    assert sorted(server.complete) == sorted({*server.complete}), (moment, number)
    assert (folder / "adapter").is_dir()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": "another/1"}', b"\xff"])
def test_a_damaged_record_is_an_error_as_its_job_would_be_paid_twice(tmp_path: Path, content: bytes) -> None:
    assert read_job(tmp_path) == {}
    (tmp_path / "job.json").write_bytes(content)
    with pytest.raises(DataError, match=r"job\.json: .*\nRestore it from a copy"):
        read_job(tmp_path)
