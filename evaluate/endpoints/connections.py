"""Connections to one endpoint, used again only while no answer can be taken for that of another request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ...core import open_client, tls_context

__all__ = ["Connection", "Connections"]


@dataclass
class Connection:
    """One connection, for one request at a time; `used` if it has brought an answer before."""

    client: Any
    used: bool = False
    good: bool = False  # whether a later request may use it


class Connections:
    """Opens connections, and keeps those on which no answer can be mistaken for that to another request.

    HTTP/1.1 does not number answers: a second one to a request looks like the answer to the next request on its connection.
    What tells them apart is the `id` in an answer. So a connection is used again only after a complete answer whose `id` no
    earlier answer had, and only once two ids have shown that the endpoint gives each answer its own. After an answer
    without an `id`, or with an earlier one, each request gets its own connection, which carries no answer but its own.
    """

    def __init__(self, url: str) -> None:
        self._url, self._tls = url, tls_context()
        self._idle = [self._opened()]  # now, so that wrong settings of proxies show before anything is sent
        self._spent: list[Connection] = []
        self._ids: set[str] = set()
        self._shared = True

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Connection]:
        """A connection for one request, used again only if `accept` finds that it may be."""
        await self._close(self._spent)
        connection = self._idle.pop() if self._idle else self._opened()
        connection.good = False
        try:
            yield connection
        finally:
            if connection.good and self._shared:
                connection.used = True
                self._idle.append(connection)
            else:  # closed later, as closing takes time and the result of the request should not wait for it
                self._spent.append(connection)

    def accept(self, connection: Connection, id: str | None) -> bool:
        """Whether an answer with this `id` is that to the request which was sent on the connection."""
        if id is not None and id not in self._ids:
            self._ids.add(id)
            connection.good = len(self._ids) > 1
            return True
        self.separate()
        return id is None or not connection.used

    def separate(self) -> None:
        """From now on, give each request its own connection."""
        self._shared = False
        self._spent += self._idle
        self._idle.clear()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._close(self._idle)
        await self._close(self._spent)

    def _opened(self) -> Connection:
        return Connection(open_client(self._url, tls=self._tls, kept=1))

    @staticmethod
    async def _close(connections: list[Connection]) -> None:
        while connections:
            await connections.pop().client.aclose()
