"""`tuneworth review` as a process of its own, and a client that asks as the page does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

COMMAND = (sys.executable, "-m", "tuneworth.cli", "review", "--no-open", "--json")


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    said: dict[str, str] = field(default_factory=dict)
    clients: list[httpx2.Client] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.said["address"]

    @property
    def origin(self) -> str:
        return self.address.rsplit("/", 2)[0]

    def client(self, who: str = "Ada") -> "Client":
        http = httpx2.Client(base_url=self.address, headers={"Origin": self.origin}, timeout=60, trust_env=False)
        self.clients.append(http)
        return Client(http, who)

    def kill(self) -> None:
        """As `kill -9` does it."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> tuple[int, str]:
        """As Ctrl-C does it: the exit code and what was said at the end."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


@contextmanager
def serving(run: Path, *options: str, prefix: tuple[str, ...] = (), cwd: Path | None = None) -> Iterator[Served]:
    """The workbench of a run; `prefix` is a command that starts it."""
    process = subprocess.Popen(
        [*prefix, *COMMAND, str(run), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        cwd=cwd, env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )  # fmt: skip
    served = Served(process)
    try:
        served.said.update(_said(process))
        yield served
    finally:
        for client in served.clients:
            client.close()
        served.kill()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def _said(process: subprocess.Popen[str]) -> dict[str, str]:
    """What the command prints before it serves."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            return json.loads("".join(lines))
    assert process.stderr is not None
    raise AssertionError(process.stderr.read())


@dataclass(frozen=True)
class Client:
    """One tab of one person."""

    http: httpx2.Client
    who: str

    def get(self, name: str, **asked: Any) -> Any:
        return _right(self.http.get(f"api/{name}", params=asked))

    def post(self, name: str, **asked: Any) -> Any:
        return _right(self.send(name, **asked))

    def send(self, name: str, **asked: Any) -> httpx2.Response:
        return self.http.post(f"api/{name}", json={"who": self.who, **asked})

    def state(self) -> Any:
        return self.get("state", who=self.who)

    def settled(self) -> Any:
        """The state once every rejected row was tried for a repair, after which no row changes its kind."""
        while not all(kind["exact"] for kind in self.state()["kinds"]):
            time.sleep(0.02)
        return self.state()

    def counted(self) -> Any:
        """The counts once they hold for the decisions so far."""
        while (counts := self.state()["counts"])["state"] == "counting":
            time.sleep(0.02)
        return counts

    def curated(self) -> Any:
        """The state once the curation that was asked for has ended."""
        while (state := self.state())["curate"]["state"] == "running":
            time.sleep(0.05)
        return state

    def item(self, kind: str, key: str | None = None) -> Any:
        return self.get("item", kind=kind, **({} if key is None else {"key": key}))

    def decide(self, item: Mapping[str, Any], action: str, **more: Any) -> httpx2.Response:
        seen = {"kind": item["kind"], "key": item["key"], "seen": item["seen"], "seconds": 2.5}
        return self.send("decide", action=action, **{**seen, **more})

    def undo(self) -> httpx2.Response:
        return self.send("undo", stamp=(self.state()["undo"] or {"stamp": ""})["stamp"])


def _right(response: httpx2.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()
