"""The addresses of the workbench: each request becomes one call of the desk, and its answer JSON."""

import json
import math
import traceback
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...core import Console, RunBroken, TuneworthError, has_room, is_out_of_memory
from .desk import Desk, ElsewhereError, MissingError
from .requests import Asked, read_body
from .security import TOO_LARGE, Guard, Served, TooLargeError

PAGE = Path(__file__).parents[1] / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml", ".png": "image/png",
}  # fmt: skip

Work = Callable[[Desk, Asked], Any]
Endpoint = Callable[[Request], Awaitable[Response]]

_READING: dict[str, Work] = {
    "state": lambda desk, asked: desk.state(asked.text("who", "")),
    "queue": lambda desk, asked: desk.entries(
        asked.text("kind"), start=asked.whole("start", 0), limit=asked.limit(), search=asked.text("search", ""),
        left=bool(asked.flag("left")),
    ),
    "item": lambda desk, asked: desk.item(asked.text("kind"), asked.optional("key")),
    "style": lambda desk, asked: desk.style(),
    "judging": lambda desk, asked: desk.judging(asked.text("who"), skip=asked.text("skip", "").split("\n")),
}  # fmt: skip
_WRITING: dict[str, Work] = {
    "decide": lambda desk, asked: desk.decide(
        asked.text("who"), asked.text("kind"), asked.text("key"), asked.text("action"), text=asked.optional("text"),
        why=asked.text("why", ""), seen=asked.texts("seen"), seconds=asked.seconds(),
    ),
    "bulk/preview": lambda desk, asked: desk.preview(
        asked.text("kind"), asked.text("key"), asked.text("action"), asked.text("by"), asked.text("value"),
        start=asked.whole("start", 0), limit=asked.limit(),
    ),
    "bulk/apply": lambda desk, asked: desk.apply(
        asked.text("who"), asked.text("kind"), asked.text("key"), asked.text("action"), asked.text("by"),
        asked.text("value"), why=asked.text("why", ""), stamped=asked.text("stamp"),
    ),
    "undo": lambda desk, asked: desk.undo(asked.text("who"), asked.text("stamp")),
    "curate": lambda desk, asked: desk.curate(),
    "style/try": lambda desk, asked: desk.try_style(
        asked.objects("edits"), start=asked.whole("start", 0), limit=asked.limit()
    ),
    "style/save": lambda desk, asked: desk.save_style(asked.objects("edits"), asked.text("stamp")),
    "judging": lambda desk, asked: desk.judge(
        asked.text("who"), asked.text("id"), asked.text("choice"), seconds=asked.seconds(),
        marks=asked.marks(),
    ),
}  # fmt: skip


def application(desk: Desk, served: Served, talk: Console) -> Guard:
    """The workbench as an ASGI application, with the guard in front of it."""
    routes = [
        Route("/", _page),
        Route("/page/{name}", _page),
        *(Route(f"/api/{name}", _reads(desk, work, talk), methods=["GET"]) for name, work in _READING.items()),
        *(Route(f"/api/{name}", _writes(desk, work, talk), methods=["POST"]) for name, work in _WRITING.items()),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _missing, TooLargeError: _too_large})
    app.router.redirect_slashes = False
    return Guard(app, served)


def _reads(desk: Desk, work: Work, talk: Console) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(_answer, desk, work, lambda: Asked(request.query_params), talk)

    return endpoint


def _writes(desk: Desk, work: Work, talk: Console) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_answer, desk, work, lambda: read_body(body), talk)

    return endpoint


def _answer(desk: Desk, work: Work, read: Callable[[], Asked], talk: Console) -> Response:
    """The answer of the desk; an error that a person can settle with its sentence, any other with its traceback here."""
    try:
        return _json(work(desk, read()))
    except ElsewhereError as error:
        return _json({"error": str(error), "item": error.item}, 409)
    except MissingError as error:
        return _json({"error": str(error)}, 404)
    except RunBroken as error:
        return _json({"error": f"not saved: {error}"}, 507)
    except TuneworthError as error:
        return _json({"error": str(error)}, 400)
    except Exception as error:
        return _failed(error, talk)


def _failed(error: Exception, talk: Console) -> Response:
    """The answer after an error that is not about what was asked."""
    if is_out_of_memory(error) or not has_room():
        text = "out of memory; close other programs, look at what is saved, then try again"
        return _json({"error": text}, 507)
    if isinstance(error, OSError):  # a file of the run that is gone, or a disk that fails
        where = f"{error.filename}: " if error.filename else ""
        return _json({"error": f"{where}{error.strerror or error}; look at what is saved, then try again"}, 507)
    talk.note("".join(traceback.format_exception(error)))
    text = f"unexpected error: {type(error).__name__}; where `tuneworth review` runs, its cause is printed"
    return _json({"error": text}, 500)


def _page(request: Request) -> Response:
    """The page, or one of its parts."""
    file = page_files().get(request.path_params.get("name", "index.html"))
    if file is None:
        raise HTTPException(404)
    return Response(file.read_bytes(), media_type=_TYPES[file.suffix])


@cache
def page_files() -> Mapping[str, Path]:
    """The files of the page by name: what is not listed here is not served, whatever an address says."""
    own = {file.name: file for file in PAGE.iterdir() if file.suffix in _TYPES}
    return {**own, "base.css": PAGE.parents[1] / "reports" / "styles" / "base.css"}


def _missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = "nothing is here" if error.status_code == 404 else f"{request.method} is not possible here"
    return _json({"error": text}, error.status_code, error.headers)


def _too_large(request: Request, error: Exception) -> Response:
    return _json({"error": TOO_LARGE.text}, TOO_LARGE.status, {"Connection": "close"})


def _json(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Strict JSON in ASCII: data may hold halves of characters, which UTF-8 cannot, and numbers that JSON does not know."""
    try:
        text = json.dumps(data, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(data), allow_nan=False)
    return Response(text, status, headers, media_type="application/json")


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
