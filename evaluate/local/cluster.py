"""The connection to the Ray cluster that evaluates; without it nothing of Ray is imported."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...curate.parts.ray_connection import connect
from ...curate.parts.settings import ClusterSettings
from ...style import ConfigError

__all__ = ["connected"]


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
    ray, made = connect(settings)
    try:
        yield ray
    finally:
        if made:
            ray.shutdown()
