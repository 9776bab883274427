"""What goes wrong between here and a provider: said in words, repeated where that is safe, and never with the key."""

import gzip
import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import ConfigError, Key, RunBroken
from tuneworth.deploy import Pauses
from tuneworth.deploy.hosted.client import Client, Unanswered
from tuneworth.deploy.hosted.job import read_job

from ..evaluate.endpoint_server import EndpointServer, Step
from .hosted_server import KEY, HostedServer
from .hosted_shapes import Answer
from .test_hosted_job import FAST, provider_at, run


def answer(status: int, message: str = "no", **headers: str) -> Answer:
    return status, {"error": {"message": message}}, headers


@pytest.mark.parametrize(
    ("status", "message", "kind", "words"),
    [
        (
            401,
            f"Incorrect API key: {KEY}",
            ConfigError,
            r"rejects the key \(401: Incorrect API key: \*\*\*\)\n.*TEST_KEY",
        ),
        (403, "not yours", ConfigError, "rejects the key"),
        (402, "pay first", RunBroken, "no credit left.*\nAdd credit"),
        (400, "bad suffix", ConfigError, "400: bad suffix"),
        (413, "too large", ConfigError, "413: too large"),
        (500, "oops", RunBroken, "500: oops"),
        (429, "slow down", RunBroken, "429: slow down"),
    ],
)
def test_an_error_is_said_and_the_key_is_not(status: int, message: str, kind: Any, words: str, tmp_path: Path) -> None:
    with HostedServer("together", faults=dict.fromkeys(range(99), answer(status, message))) as server:
        with pytest.raises(kind, match=words) as error:
            run(server, tmp_path / "hosted")
        assert KEY not in str(error.value)
        assert len(server.asked) == (FAST.tries if status in (429, 500) else 1)
    assert read_job(tmp_path / "hosted")["job"] is None


@pytest.mark.slow
@pytest.mark.parametrize("fault", [answer(429, "wait", **{"Retry-After": "0"}), answer(503), answer(500), None])
@pytest.mark.parametrize("name", ["together", "fireworks"])
def test_a_passing_fault_of_any_request_costs_no_second_job(name: str, fault: Answer | None, tmp_path: Path) -> None:
    """Requests that read are repeated; one that creates, and may have arrived, ends the command, and the next one goes on."""
    with HostedServer(name) as server:
        (tmp_path / "whole").mkdir()
        run(server, tmp_path / "whole" / "hosted")
    requests = len(server.asked)
    for number in range(0, requests, 3):
        folder = tmp_path / f"at-{number}"
        folder.mkdir()
        with HostedServer(name, faults={number: fault}) as server:
            with suppress(Unanswered):
                run(server, folder / "hosted")
            assert run(server, folder / "hosted")["step"] == "done"
            assert len(server.jobs) == 1


def test_a_job_whose_creation_was_not_confirmed_is_taken_up(tmp_path: Path) -> None:
    with HostedServer("together") as server:
        server.after = lambda number: cut(server, number)
        record = run(server, tmp_path / "hosted")
    assert record["step"] == "done"
    assert len(server.jobs) == 1
    assert sum(asked == "POST /v1/fine-tunes" for asked in server.asked) == 1


def cut(server: HostedServer, number: int) -> None:
    """The job was created, but the connection breaks before the answer."""
    if server.asked[number] == "POST /v1/fine-tunes":
        server.after = lambda number: None
        raise ConnectionResetError


def test_a_model_without_a_name_is_not_taken_for_a_result(tmp_path: Path) -> None:
    with HostedServer("together", named=False) as server:
        with pytest.raises(RunBroken, match="does not name its model"):
            run(server, tmp_path / "hosted")
        server.named = True
        assert run(server, tmp_path / "hosted")["tuned_model"]


def test_a_wrong_account_is_named(tmp_path: Path) -> None:
    words = pytest.raises(ConfigError, match=r'not a member \(403\)\nCheck the key, and "account"')
    with HostedServer("fireworks", faults={0: answer(403, "not a member")}) as server, words:
        run(server, tmp_path / "hosted")


def test_a_file_that_the_provider_cannot_use_starts_no_job(tmp_path: Path) -> None:
    with HostedServer("together") as server:
        server.after = lambda number: (
            [setattr(file, "content", b"{}\n") for file in server.files.values() if file.read] and None
        )
        with pytest.raises(RunBroken, match=r"cannot use the train file: line 1: no messages\nNo job was created"):
            run(server, tmp_path / "hosted")
    assert server.jobs == {}


def test_the_key_is_in_no_log_and_goes_to_no_other_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), HostedServer("fireworks") as server:
        run(server, tmp_path / "hosted")
        with pytest.raises(ConfigError):
            run(server, tmp_path / "other", key="sk-wrong-0123456789")
    assert server.wrong_keys == 1
    assert KEY not in caplog.text
    assert "sk-wrong-0123456789" not in caplog.text


@pytest.mark.parametrize("place", ["http://elsewhere.example.com/x", "ftp://elsewhere.example.com/x"])
def test_an_address_that_is_not_encrypted_gets_nothing(place: str, tmp_path: Path) -> None:
    with HostedServer("together") as server, Client(server.url, Key(KEY), title="Together AI", pauses=FAST) as client:
        (tmp_path / "file").write_text("text")
        with pytest.raises(RunBroken, match="not encrypted"):
            client.put_file(place, tmp_path / "file")
        with pytest.raises(RunBroken, match="not encrypted"):
            client.download(place, tmp_path / "got", most=10)


def test_a_file_that_is_redirected_without_end_is_given_up(tmp_path: Path) -> None:
    moved = dict.fromkeys(range(9), (302, b"", {"Location": "/v1/again"}))
    with (
        HostedServer("together", faults=moved) as server,
        Client(server.url, Key(KEY), title="Together AI", pauses=FAST) as client,
    ):
        with pytest.raises(RunBroken, match="redirects a file without end"):
            client.download("/file", tmp_path / "got", most=999)
        assert server.asked == ["GET /v1/file", *["GET /v1/again"] * 4]
        with pytest.raises(ConfigError, match="redirects are not followed"):
            client.get("/models")


def test_a_download_above_the_limit_and_an_endless_answer_are_cut(tmp_path: Path) -> None:
    with HostedServer("together", faults={0: (200, b"x" * 1000, {}), 1: (200, b"<html>", {})}) as server:
        provider = provider_at(server)
        with Client(provider.base_url, Key(KEY), title="Together AI", pauses=FAST) as client:
            with pytest.raises(RunBroken, match="larger than 999 bytes"):
                client.download("/file", tmp_path / "got", most=999)
            with pytest.raises(RunBroken, match="not JSON"):
                client.get("/models")
    assert not (tmp_path / "got").exists()


def test_a_host_that_is_not_there_is_said(tmp_path: Path) -> None:
    pauses = Pauses(first=0.001, longest=0.001, tries=2)
    with Client("http://127.0.0.1:9/v1", Key(KEY), title="Together AI", pauses=pauses) as client:
        with pytest.raises(RunBroken, match="Together AI: no connection"):
            client.get("/files")
        with pytest.raises(RunBroken, match="Together AI: no connection") as error:
            client.post("/files", {})
    assert not isinstance(error.value, Unanswered)  # it surely did not arrive


ENDLESS = b"HTTP/1.1 200 OK\r\n%s\r\n"
EMPTY = b"Content-Encoding: gzip\r\n"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Step(body=[*range(30)], drip=0.01), "no complete answer within"),
        (Step(raw=b"HTTP/1.1 200 OK\r\n", endless=b"X-More: a\r\n", drip=0.01), "no complete answer within"),
        (Step(raw=b"", endless=b"HTTP/1.1 100 Continue\r\n\r\n", drip=0.01), "no complete answer within"),
        (Step(raw=ENDLESS % b"", endless=b" " * 65536), "more than"),
        (Step(raw=ENDLESS % EMPTY + gzip.compress(b"{}"), endless=bytes(65536)), "more than"),
        (Step(body=b"[" * 100_000), "not JSON"),
        (Step(400, b"[" * 100_000), "400"),
    ],
    ids=["a drip", "a drip of headers", "a drip of 100 Continue", "endless", "endless in gzip", "deep", "a deep error"],
)
def test_no_answer_of_a_provider_can_hold_the_machine(step: Step, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuneworth.deploy.hosted.client.SECONDS", 0.3)
    monkeypatch.setattr("tuneworth.deploy.hosted.client.LARGEST", 2**20)
    with (
        EndpointServer(lambda asked: step) as server,
        Client(server.url, Key(KEY), title="P", pauses=replace(FAST, tries=1)) as client,
        pytest.raises((RunBroken, ConfigError), match=said),
    ):
        client.get("/files")


def test_a_slow_download_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tuneworth.deploy.hosted.client.SECONDS", 0.1)
    with (
        EndpointServer(lambda asked: Step(raw=ENDLESS % b"", endless=b"a", drip=0.01)) as server,
        Client(server.url, Key(KEY), title="P", pauses=replace(FAST, tries=1)) as client,
        pytest.raises(RunBroken, match="no complete answer within"),
    ):
        client.download("/adapter", tmp_path / "adapter", most=10**6)
    assert not list(tmp_path.iterdir())


def test_a_second_answer_is_never_taken_for_that_to_the_next_request() -> None:
    with (
        EndpointServer(lambda asked: Step(body={"number": asked.number}, late=True)) as server,
        Client(server.url, Key(KEY), title="P", pauses=FAST) as client,
    ):
        assert [client.get("/job") for _ in range(3)] == [{"number": number} for number in range(3)]


def test_a_download_beyond_its_limit_is_not_kept_and_not_tried_again(tmp_path: Path) -> None:
    with (
        EndpointServer(lambda asked: Step(raw=ENDLESS % b"", endless=b" " * 65536)) as server,
        Client(server.url, Key(KEY), title="P", pauses=FAST) as client,
    ):
        with pytest.raises(RunBroken, match=r"adapter is larger than 1 MB, the limit"):
            client.download("/adapter", tmp_path / "adapter", most=10**6)
        assert len(server.requests) == 1
    assert not list(tmp_path.iterdir())


def test_a_key_in_the_data_or_at_the_end_of_a_long_error_is_masked() -> None:
    steps = [Step(body={"status": f"key {KEY.upper()}"}), Step(400, b"x" * 290 + KEY.encode())]
    with (
        EndpointServer(lambda asked: steps[asked.number]) as server,
        Client(server.url, Key(KEY), title="P", pauses=FAST) as client,
    ):
        assert client.get("/job") == {"status": "key ***"}
        with pytest.raises(ConfigError) as wrong:
            client.get("/job")
    assert KEY[:6] not in str(wrong.value)
