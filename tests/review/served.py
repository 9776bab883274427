"""`tuneworth review` as a process of its own, and a client that asks as the page does."""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx2

WORDS = ("review", "--no-open", "--json")
COMMAND = (sys.executable, "-m", "tuneworth.cli", *WORDS)

# Starting Python with all that is imported takes most of a second, so one process gets ready and each server is a fork of
# it. It is told in lines what to start, and answers with the process; or which process to wait for, and answers with its
# exit code, null if it still runs. It imports nothing that computes with polars, whose threads would not be in the fork.
NURSERY = """
import json, os, resource, sys
import rapidfuzz, scipy.sparse, uvicorn, yaml
import uvicorn.lifespan.off, uvicorn.loops.asyncio, uvicorn.protocols.http.h11_impl
import tuneworth.cli.review, tuneworth.review.server.server, tuneworth.review.style.desk
from tuneworth.cli import main


def serve(words, said, cwd, env, most):
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    if most is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as left:
        return left.code or 0
    finally:
        sys.stdout.flush()


for line in sys.stdin:
    told = json.loads(line)
    if isinstance(told, list):
        pid, status = os.waitpid(*told)
        print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
        continue
    child = os.fork()
    if not child:
        os._exit(serve(**told))
    print(child, flush=True)
"""


@cache
def nursery() -> subprocess.Popen[str]:
    """What starts the servers of this process."""
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )  # fmt: skip
    atexit.register(process.communicate)
    return process


def ask_nursery(what: Any) -> Any:
    """Its answer to one line."""
    process = nursery()
    assert process.stdin is not None
    assert process.stdout is not None
    print(json.dumps(what), file=process.stdin, flush=True)
    return json.loads(process.stdout.readline())


@dataclass
class Served:
    """A running server."""

    pid: int
    errors: Path  # what it says to stderr
    code: int | None = None  # its exit code, once it has one
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

    def ended(self, *, wait: bool = True) -> bool:
        """Whether the process has ended."""
        if self.code is None:
            self.code = ask_nursery([self.pid, 0 if wait else os.WNOHANG])
        return self.code is not None

    def end(self, by: signal.Signals) -> int:
        """Send the signal: the exit code."""
        if self.code is None:
            os.kill(self.pid, by)
            self.ended()
        assert self.code is not None
        return self.code

    def kill(self) -> None:
        """As `kill -9` does it."""
        self.end(signal.SIGKILL)

    def stop(self) -> tuple[int, str]:
        """As Ctrl-C does it: the exit code and all that was said to stderr."""
        return self.end(signal.SIGINT), self.errors.read_text(encoding="utf-8")


@contextmanager
def serving(run: Path, *options: str, most_bytes: int | None = None, cwd: Path | None = None) -> Iterator[Served]:
    """The workbench of a run; with `most_bytes`, no file that it writes gets larger."""
    with tempfile.TemporaryDirectory() as home:
        out, errors = Path(home, "out"), Path(home, "errors")
        words = [*WORDS, str(run), *options]
        told = {"words": words, "said": [str(out), str(errors)], "cwd": str(cwd or Path.cwd()), "most": most_bytes}
        served = Served(ask_nursery({**told, "env": {**os.environ, "POLARS_MAX_THREADS": "1"}}), errors)
        try:
            served.said.update(_said(served, out))
            yield served
        finally:
            for client in served.clients:
                client.close()
            served.kill()


def _said(served: Served, out: Path) -> dict[str, str]:
    """What the command prints before it serves."""
    ended = False
    while not ended:
        ended = served.ended(wait=False)
        text = out.read_text(encoding="utf-8") if out.exists() else ""
        if text.endswith("}\n"):
            return json.loads(text)
        time.sleep(0.005)
    raise AssertionError(served.errors.read_text(encoding="utf-8"))


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
