"""The HTTP client for endpoints and providers: bounded answers, one for each request, and no redirects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from .endpoint import host_of, is_on_this_machine
from .errors import ConfigError
from .numbers import say

CONNECT_SECONDS = 20.0  # connecting takes longer only if it fails; a slow handshake over a proxy takes 5


class TooLargeError(OSError):
    """An answer of more bytes than it may have."""


class StaleAnswerError(Exception):
    """An answer that was there before its request was sent: the second one to an earlier request."""


def tls_context() -> Any:
    """The certificates to trust, for several clients. Raises: ConfigError if the environment names ones that do not work."""
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except (ValueError, OSError) as error:
        raise _unusable_environment(error) from None


def open_client(base_url: str, *, tls: Any, kept: int, pause: float | None = None) -> Any:
    """An HTTP client that follows no redirects and keeps at most `kept` idle connections for later requests.

    Proxies from the environment are used, except for this machine. `pause` is the most seconds between two pieces of a
    transfer. Raises: ConfigError if the environment's proxies do not work.
    """
    import httpx2

    host = host_of(base_url)
    local = {f"all://{f'[{host}]' if ':' in host else host}": None} if is_on_this_machine(base_url) else {}
    try:
        return httpx2.AsyncClient(
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"tuneworth/{version('tuneworth')}",
            },
            timeout=httpx2.Timeout(pause, connect=CONNECT_SECONDS, pool=None),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=kept),
            mounts=local,
            verify=tls,
        )
    except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
        raise _unusable_environment(error) from None


def _unusable_environment(error: Exception) -> ConfigError:
    return ConfigError(
        f"the environment's settings for proxies or certificates do not work ({error})\n"
        "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and SSL_CERT_FILE."
    )


async def fetch(client: Any, request: Any, *, largest: int) -> tuple[Any, bytes]:
    """Send a request; the response and its whole body, unpacked. Raises: as `send_request` and `read_body`."""
    async with send_request(client, request) as response:
        return response, await read_body(response, largest)


@asynccontextmanager
async def send_request(client: Any, request: Any, *, seconds: float | None = None) -> AsyncIterator[Any]:
    """Send a request; the response in the block has its status and headers, but not yet its body.

    seconds: from the last byte of the request to the last byte of the headers.

    Raises: StaleAnswerError, TimeoutError, and the errors of httpx2.
    """
    async with asyncio.timeout(None) as limit:
        request.extensions = {**request.extensions, "trace": _Head(limit, seconds)}
        response = await client.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


class _Head:
    """Follows a request to the end of its answer's headers: how long the answer takes, and whether it is its own.

    A server, or a proxy in front of it, that answers a request twice would shift all answers on that connection by one. An
    answer that already lay in the connection's buffer is read without any waiting for the network. The exception makes
    the client close the connection.
    """

    def __init__(self, limit: asyncio.Timeout, seconds: float | None) -> None:
        self.limit, self.seconds = limit, seconds

    async def __call__(self, event: str, info: Any) -> None:
        loop = asyncio.get_running_loop()
        if event == "http11.send_request_headers.started":  # perhaps after a proxy has answered
            self.limit.reschedule(None)
        elif event == "http11.send_request_body.complete" and self.seconds is not None:
            self.limit.reschedule(loop.time() + self.seconds)
        elif event == "http11.receive_response_headers.started":
            self.waited = asyncio.Event()
            loop.call_soon(self.waited.set)  # runs as soon as anything waits
        elif event == "http11.receive_response_headers.complete" and not self.waited.is_set():
            raise StaleAnswerError


async def read_body(response: Any, largest: int, *, seconds: float | None = None) -> bytes:
    """The whole body, unpacked. Raises: as `body_pieces`; TimeoutError if it takes more `seconds`."""
    async with asyncio.timeout(seconds):
        return b"".join([piece async for piece in body_pieces(response, largest)])


async def body_pieces(response: Any, largest: int) -> AsyncIterator[bytes]:
    """The body piece by piece, unpacked. Raises: TooLargeError beyond `largest` bytes, as sent or as unpacked."""
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        """Counts the bytes that arrive, which may unpack to nothing."""

        def __init__(self, stream: Any) -> None:
            self.stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for piece in self.stream:
                size = _bounded(size + len(piece), largest)
                yield piece

        async def aclose(self) -> None:
            await self.stream.aclose()

    response.stream, size = Bounded(response.stream), 0
    async for piece in response.aiter_bytes():
        size = _bounded(size + len(piece), largest)
        yield piece


def _bounded(size: int, largest: int) -> int:
    if size > largest:
        raise TooLargeError(f"an answer of more than {say.size(largest)}")
    return size
