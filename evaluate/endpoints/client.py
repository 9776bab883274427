"""The HTTP client of an endpoint: one pool of connections that sends to the endpoint's address alone."""

from importlib.metadata import version
from typing import Any

from ...core import ConfigError, host_of
from .endpoint import Endpoint

__all__ = ["open_client"]

CONNECT_SECONDS = 20.0  # connecting takes longer only if it fails; a slow handshake over a proxy takes 5


def open_client(endpoint: Endpoint) -> Any:
    """One pool of persistent connections, as many as calls in flight, that follows no redirects.

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
            limits=httpx2.Limits(max_connections=endpoint.concurrency, max_keepalive_connections=endpoint.concurrency),
            mounts=local,
        )
    except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
        raise ConfigError(
            f"the environment's settings for proxies or certificates do not work ({error})\n"
            "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and SSL_CERT_FILE."
        ) from None
