"""The HTTP client of an endpoint: sends to its address alone, and takes one answer of bounded size for each request."""

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from ...core import ConfigError, host_of
from .endpoint import Endpoint

__all__ = ["LARGEST", "StaleAnswerError", "TooLargeError", "fetch", "open_client"]

LARGEST = 8 * 2**20  # bytes of an answer, as sent and unpacked; the longest outputs of today's models take 1 MiB
CONNECT_SECONDS = 20.0  # connecting takes longer only if it fails; a slow handshake over a proxy takes 5


class TooLargeError(Exception):
    """An answer of more than LARGEST bytes."""


class StaleAnswerError(Exception):
    """An answer that was there before its request was sent: the second one to an earlier request."""


async def fetch(client: Any, request: Any) -> tuple[Any, bytes]:
    """Send a request; the response and its whole body, unpacked.

    Raises: TooLargeError, StaleAnswerError, and the errors of httpx2.
    """
    request.extensions = {**request.extensions, "trace": _OneAnswer()}
    response = await client.send(request, stream=True)
    try:
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > LARGEST:
                raise TooLargeError
    finally:
        await response.aclose()
    return response, bytes(body)


class _OneAnswer:
    """Notices an answer that lay in the buffer of its connection: it is read without any waiting for the network.

    A server, or a proxy in front of it, that answers a request twice would otherwise shift all answers on that connection
    by one. The exception makes the client close the connection.
    """

    async def __call__(self, event: str, info: Any) -> None:
        if event == "http11.receive_response_headers.started":
            self.waited = asyncio.Event()
            asyncio.get_running_loop().call_soon(self.waited.set)  # runs as soon as anything waits
        elif event == "http11.receive_response_headers.complete" and not self.waited.is_set():
            raise StaleAnswerError


def _bounded() -> Any:
    """A hook that ends a response once LARGEST bytes have come, even if they unpack to nothing."""
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, stream: Any) -> None:
            self.stream, self.size = stream, 0

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in self.stream:
                self.size += len(piece)
                if self.size > LARGEST:
                    raise TooLargeError
                yield piece

        async def aclose(self) -> None:
            await self.stream.aclose()

    async def bound(response: Any) -> None:
        response.stream = Bounded(response.stream)

    return bound


def open_client(endpoint: Endpoint, *, reuse: bool = True) -> Any:
    """One pool of connections, as many as calls in flight, that follows no redirects. `reuse` keeps them for later calls.

    Proxies from the environment are used, except for this machine.
    """
    import httpx2

    host = host_of(endpoint.url)
    local = {f"all://{f'[{host}]' if ':' in host else host}": None} if endpoint.on_this_machine else {}
    try:
        return httpx2.AsyncClient(
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "Content-Type": "application/json",
                "User-Agent": f"tuneworth/{version('tuneworth')}",
            },
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(
                max_connections=endpoint.concurrency, max_keepalive_connections=endpoint.concurrency if reuse else 0
            ),
            mounts=local,
            event_hooks={"response": [_bounded()]},
        )
    except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
        raise ConfigError(
            f"the environment's settings for proxies or certificates do not work ({error})\n"
            "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and SSL_CERT_FILE."
        ) from None
