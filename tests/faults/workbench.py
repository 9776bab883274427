"""The actions of a person in `tuneworth review`: the requests that the page sends, answered in this process."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tuneworth.core import Console
from tuneworth.project import Run
from tuneworth.review.server.desk import Desk
from tuneworth.review.server.security import Served
from tuneworth.review.server.server import application

from ..review.small_runs import all_kinds, write_project
from .situation import Situation, run
from .situations import after, against_prompted, named

__all__ = [
    "AT_THE_WORKBENCH", "RUN", "Page", "Refused", "act", "decide", "decide_all", "decided", "judge", "save_style", "undo",
]  # fmt: skip

RUN = "runs/run"
CODES = {200: 0, 507: 3}  # exit codes by status; any other status is an error that the user can fix: 2


class Page:
    """The page of one person, with a server of its own."""

    def __init__(self, app: Any) -> None:
        self.app, self.status = app, 200

    def get(self, name: str, **parameters: Any) -> Any:
        return self._send("GET", name, query=urlencode(parameters).encode())

    def post(self, name: str, **content: Any) -> Any:
        return self._send("POST", name, body=json.dumps({"who": "someone", **content}).encode())

    def _send(self, method: str, name: str, *, query: bytes = b"", body: bytes = b"") -> Any:
        messages: list[Any] = []
        scope = {
            "type": "http", "method": method, "path": f"/token/api/{name}", "query_string": query, "http_version": "1.1",
            "scheme": "http", "server": ("127.0.0.1", 80), "root_path": "",
            "headers": [
                (b"host", b"127.0.0.1:80"), (b"origin", b"http://127.0.0.1:80"), (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ],
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            messages.append(message)

        asyncio.run(self.app(scope, receive, send))
        self.status = messages[0]["status"]
        answer = json.loads(b"".join(part.get("body", b"") for part in messages[1:]))
        if self.status != 200:
            raise Refused(self.status, answer["error"])
        return answer


class Refused(Exception):
    """A response with an error status."""


@contextmanager
def page(folder: str = RUN) -> Iterator[Page]:
    """The workbench of a run in this folder, without its background threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tuneworth.review.server.opened._LATER", 1e6)
        desk = Desk(Run(folder))
        try:
            served = Served("token", frozenset({"127.0.0.1"}), 80)
            yield Page(application(desk, served, Console(quiet=True)))
        finally:
            desk.close()


def act(action: Callable[[Page], Any], folder: str = RUN) -> int:
    """Open the workbench and perform an action there, with the exit code and message that a command would have."""
    from tuneworth.cli.failures import report_failure

    try:
        with page(folder) as opened:
            action(opened)
    except Refused as refused:
        status, error = refused.args
        print(f"tuneworth: {error}", file=sys.stderr)
        return CODES.get(status, 2)
    except Exception as error:
        return report_failure(error, debug=False)
    return 0


# --- actions --------------------------------------------------------------------------------------------------------


def first(page: Page, kind: str) -> Any:
    """The first item of a kind, decided or not."""
    (entry,) = page.get("queue", kind=kind, limit=1, left=0)["entries"]
    return page.get("item", kind=kind, key=entry["key"])


def decide(page: Page) -> None:
    item = first(page, "conflict")
    page.post("decide", kind="conflict", key=item["key"], action="right", seen=item["seen"], seconds=1)


def decide_all(page: Page) -> None:
    item = first(page, "repair")
    about = {"kind": "repair", "key": item["key"], "action": "accept", "by": "rule", "value": "no-stop"}
    seen = page.post("bulk/preview", start=0, limit=5, **about)
    page.post("bulk/apply", why="", stamp=seen["stamp"], **about)


def undo(page: Page) -> None:
    if last := page.get("state", who="someone")["undo"]:
        page.post("undo", stamp=last["stamp"])


def save_style(page: Page) -> None:
    edits = [{"check": "no-stop", "level": "should"}]
    tried = page.post("style/try", edits=edits, start=0, limit=5)
    page.post("style/save", edits=edits, stamp=tried["stamp"])


def judge(page: Page) -> None:
    page.get("judging", who="someone")
    page.post("judging", id="p50", choice="left", seconds=1, marks={})


# --- folders --------------------------------------------------------------------------------------------------------


def parts(folder: Path) -> None:
    write_project(folder, all_kinds(), curate="fix = 'safe'")
    assert run(folder, ("curate",)).code == 0


def decided(folder: Path) -> None:
    named(parts)(folder)
    assert run(folder, partial(act, decide)).code == 0


AT_THE_WORKBENCH = (
    Situation("review: decide", partial(act, decide), named(parts), appends=("overrides.jsonl",)),
    Situation("review: decide about many", partial(act, decide_all), named(parts), appends=("overrides.jsonl",)),
    Situation("review: undo", partial(act, undo), decided),
    Situation("review: change the style", partial(act, save_style), named(parts)),
    Situation("review: judge outputs", partial(act, judge), named(after(against_prompted, ("curate",), ("evaluate",)))),
)
