"""The connection to the Ray cluster that evaluates; without it nothing of Ray is imported."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from ...curate.parts.settings import ClusterSettings
from ...style import ConfigError

__all__ = ["connected"]

PATIENCE = 5.0  # seconds for an answer at a stated address, which Ray itself would wait for for minutes


@contextmanager
def connected(settings: ClusterSettings) -> Iterator[Any]:
    """Ray, connected as `[cluster]` says while the block lasts; a connection that was there before stays.

    Raises: ConfigError where Ray is not installed, or no cluster that fits answers at the address.
    """
    if not settings.on_ray:
        raise ConfigError(
            '[cluster] address = "processes" is for curating; the workers that evaluate need Ray.\n'
            'address = "local" starts it on this machine; without --cluster one process evaluates.'
        )
    if find_spec("ray") is None:
        raise ConfigError("--cluster needs Ray, not installed here: pip install 'tuneworth[cluster]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry; read when Ray is imported
    import ray

    if ray.is_initialized():
        yield ray
        return
    _connect(ray, settings.address)
    try:
        yield ray
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    stated = ":" in address
    if stated:
        _need_answer(address)
    own = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # ConnectionError, RuntimeError, RaySystemError, AuthenticationError and others
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ConfigError(
            f'[cluster] address = "{address}": the cluster cannot be used: {said}\n'
            "A running cluster with the same versions of Ray and Python is needed, and its token (RAY_AUTH_TOKEN) where "
            'it asks for one; address = "local" starts one on this machine.'
        ) from error


def _need_answer(address: str) -> None:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except OSError as error:
        raise ConfigError(
            f'[cluster] address = "{address}": nobody answers there ({error}).\n'
            "The head node of a running cluster is needed: its port 6379, or with ray:// its port 10001."
        ) from None
