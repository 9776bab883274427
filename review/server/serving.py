"""Serves the workbench from this process until Ctrl-C, and opens it in the browser."""

import hashlib
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ...core import ConfigError, Console, install_command, say
from .security import Served, new_token, served_names

if TYPE_CHECKING:
    from ...project import Run
    from .desk import Desk

_NEEDED = ("starlette", "uvicorn")  # what the extra installs
_TURN = 0.0005  # seconds: an answer must not wait long for what is counted beside the page
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_REMOTE = (
    "warning: anyone who knows this address can read the data and decide about it, and the connection is not encrypted.\n"
    "To work from another machine without that, forward the port instead: ssh -L PORT:127.0.0.1:PORT MACHINE"
)


def need_review() -> None:
    """Check that the extra is installed. Raises: ConfigError with the command that installs it."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(f"the workbench needs {', '.join(missing)}\nInstall with: {install_command('review')}")


def serve_review(
    run: "Run", *, host: str = "127.0.0.1", port: int = 0, allow_remote: bool = False, who: str | None = None,
    open_page: bool = True, allow_code: bool = False, talk: Console,
) -> int:  # fmt: skip
    """Serve the workbench of a run until Ctrl-C, and return how many decisions were made.

    `port` 0 takes the usual one of the file of decisions, so that a page that waits for the server finds it again, or a
    free one where that is taken. `who` decides unless the page says otherwise; by default the user of this machine.
    `allow_code` lets `python` checks of the style run.

    Raises: ConfigError if the extra is missing, the port is taken, or `host` is not this machine alone without
    `allow_remote`.
    """
    from ...project import decisions_file

    need_review()
    with _bound(host, port, usual_port(decisions_file(run.folder)), allow_remote=allow_remote) as listening:
        from .desk import Desk

        desk = Desk(run, who=who, allow_code=allow_code)
        served = Served(new_token(), served_names(host), listening.getsockname()[1])
        address = f"http://{_reached(host)}:{served.port}/{served.token}/"
        _announce(desk, address, talk)
        if allow_remote and host not in _LOOPBACK:
            talk.note(_REMOTE)
        if open_page and _has_browser():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        try:
            _serve(desk, served, listening, talk)
        finally:
            desk.close()
        talk.note(f"Stopped. {say.count(desk.made, 'decision')} made here, in {desk.file}")
        return desk.made


@contextmanager
def _bound(host: str, port: int, usual: int, *, allow_remote: bool) -> Iterator[socket.socket]:
    """A socket that listens. Raises: ConfigError, as `serve_review`."""
    if host not in _LOOPBACK and not allow_remote:
        raise ConfigError(
            f"--host {host} would show the data to other machines; if you mean that, add --allow-remote\n"
            "To work from another machine, forward the port instead: ssh -L PORT:127.0.0.1:PORT MACHINE"
        )
    try:
        listening = (None if port else _free(host, usual)) or _listening(host, port)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}, port {port}: {error.strerror or error}") from None
    with listening:
        yield listening


def usual_port(file: Path) -> int:
    """The port that the workbench of these decisions takes if it is free: of the range that no service has."""
    return 49_152 + int(hashlib.sha256(str(file.resolve()).encode(errors="surrogatepass")).hexdigest()[:8], 16) % 16_384


def _free(host: str, port: int) -> socket.socket | None:
    try:
        return _listening(host, port)
    except OSError:
        return None


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # asyncio sends at once (TCP_NODELAY) only where the socket names its protocol; else each answer waits 40 ms.
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let another process take the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(128)
    except BaseException:
        listening.close()
        raise
    return listening


def _reached(host: str) -> str:
    """The host of the address to open: of a server that listens on all addresses, the name of this machine."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _announce(desk: "Desk", address: str, talk: Console) -> None:
    lines = [
        f"Reviewing {desk.folder}",
        f"Decisions go to {desk.file}",
        "",
        f"  {address}",
        "",
        "Press Ctrl-C to stop.",
    ]
    talk.answer("\n".join(lines), {"address": address, "run": str(desk.folder), "overrides": str(desk.file)})


def _has_browser() -> bool:
    """Whether a browser with windows can be opened; one in the terminal would take its place."""
    windows = sys.platform in ("win32", "darwin")
    return windows or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _serve(desk: "Desk", served: Served, listening: socket.socket, talk: Console) -> None:
    """Answer requests until Ctrl-C or a SIGTERM; running requests have a second to finish."""
    import uvicorn

    from .server import application

    config = uvicorn.Config(
        application(desk, served, talk), log_config=None, log_level="critical", access_log=False, lifespan="off",
        server_header=False, proxy_headers=False, ws="none", http="h11", loop="asyncio", timeout_graceful_shutdown=1,
    )  # fmt: skip
    before = signal.signal(signal.SIGTERM, signal.default_int_handler), sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before[0])
        sys.setswitchinterval(before[1])
