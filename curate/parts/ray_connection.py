"""The connection to a Ray cluster, with what is wrong said within seconds; Ray is imported here and not before."""

import logging
import os
import socket
import subprocess
import sys
import warnings
from importlib.util import find_spec
from typing import Any

from ...style.errors import ConfigError
from .settings import ClusterSettings

__all__ = ["connect"]

_PATIENCE = 5.0  # seconds for an answer at an address
_PROBE = 20.0  # seconds for the head node's answer: Ray itself would try for minutes, and then end this process
_ASK = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1]); print('answers')"


def connect(settings: ClusterSettings) -> tuple[Any, bool]:
    """The module `ray`, connected as `[cluster] address` says, and whether the connection was made here.

    A connection that this process has already stays as it is. Usage statistics and the dashboard are off.
    Raises: ConfigError where Ray is not installed, nobody answers, it refuses the token, or has another version.
    """
    if find_spec("ray") is None:
        raise ConfigError("a cluster needs Ray, not installed here\nInstall it: pip install 'tuneworth[cluster]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry; read when Ray is imported
    # A task whose memory does not suffice is tried again without end by default: it would never fit.
    os.environ.setdefault("RAY_task_oom_retries", "3")
    import ray

    if ray.is_initialized():
        return ray, False
    address = settings.address
    own: dict[str, Any] = {}
    if address == "local":
        own = {"include_dashboard": False, "num_cpus": settings.workers}
    else:
        _see_who_answers(address)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Ray Client connection timed out")  # said below, with what to do
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # ConnectionError, RuntimeError, AuthenticationError and others, by what is wrong
        ray.shutdown()  # what a connection that failed half-way left
        raise ConfigError(_told(address, str(error) or type(error).__name__)) from error
    return ray, True


def _see_who_answers(address: str) -> None:
    """Raises: ConfigError where no Ray cluster answers at the address."""
    from ray._private.services import canonicalize_bootstrap_address

    client = address.startswith("ray://")
    try:  # "auto" and this machine's own name stand for what Ray makes of them
        found = address.removeprefix("ray://") if client else canonicalize_bootstrap_address(address)
    except Exception as error:
        raise ConfigError(_told(address, str(error))) from error
    if found is None or found.startswith("ray://"):  # nothing runs here, or RAY_ADDRESS names a client's port
        if address == "auto" and found is None:
            raise ConfigError(_told(address, "no running cluster was found"))
        found, client = found.removeprefix("ray://") if found else address, True
    host, _, port = found.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise ConfigError(_told(address, f"nobody answers at {found} ({error.strerror or error})")) from None
    if not client:
        _ask_head(address, found)


def _ask_head(address: str, found: str) -> None:
    """Ask in a process of its own: Ray tries again for minutes, and says why on its standard error alone."""
    try:
        done = subprocess.run([sys.executable, "-c", _ASK, found], capture_output=True, text=True, timeout=_PROBE)
        answers, said = "answers" in done.stdout, done.stderr
    except subprocess.TimeoutExpired as error:
        answers, said = False, error.stderr or b""
        said = said.decode(errors="replace") if isinstance(said, bytes) else said
    if answers:
        return
    if "has_token" in said:  # the check that Ray itself ends on
        raise ConfigError(_told(address, "RAY_AUTH_MODE=token, but there is no token here"))
    if "AuthToken" in said or "Unauthenticated" in said:
        raise ConfigError(_told(address, "it refuses the token"))
    raise ConfigError(_told(address, f"what answers at {found} is not the head node of a Ray cluster"))


def _told(address: str, said: str) -> str:
    said = said.partition("Traceback")[0]  # where it comes from the head node, its log there says the same
    line = " ".join(line.strip() for line in said.splitlines() if line.strip())[:400].rstrip(" :")
    advice = (
        'Start one (ray start --head) and name its address, HOST:6379 or ray://HOST:10001; "local" starts one here.'
    )
    low = said.lower()
    if "client connection timeout" in low:  # refused tokens look like nothing that answers
        line = "what listens there is no port of Ray's client, or it refuses the token"
        advice = (
            "The port is that of --ray-client-server-port, 10001 as a rule. The token must be here: in\n"
            "~/.ray/auth_token or RAY_AUTH_TOKEN, with RAY_AUTH_MODE=token."
        )
    elif "initialization failure" in low:
        advice = "Run the same command again; if that fails too, look at ray_client_server.err on the head node."
    elif "token" in low or "authenticat" in low:
        advice = (
            "Its token must be here: in ~/.ray/auth_token or RAY_AUTH_TOKEN, with RAY_AUTH_MODE=token; "
            "`ray get-auth-token` on the head node says it."
        )
    elif "version" in low:
        advice = "Every node and this machine need the same versions of Ray and of Python."
    return f'[cluster] address = "{address}": {line}\n{advice}'
