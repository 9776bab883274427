"""Runs tasks on a Ray cluster, on any node; losing a worker or node costs only the time of a task."""

import logging
import os
import platform
import secrets
import socket
import subprocess
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from ...core import ConfigError, RunBroken, TuneworthError, install_command, python_command, say
from .executors import ONE_THREAD
from .settings import ClusterSettings
from .storage import Done, Storage
from .tasks import Result, Task, carry_out

_PATIENCE = 5.0  # seconds for an answer at an address
_HEAD_ANSWER = 20.0  # seconds for the head node's answer: Ray itself would try for minutes, and then end this process
_CONNECT = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1]); print('answers')"


def connect(settings: ClusterSettings) -> tuple[Any, bool]:
    """The module `ray`, connected as `[cluster] address` says, and whether the connection was made here.

    An existing connection of this process is kept. Usage statistics and the dashboard are off.
    Raises: ConfigError if Ray is not installed, does not answer, refuses the token, or has another version.
    """
    if find_spec("ray") is None:
        raise ConfigError(f"a cluster needs Ray, which is not installed\nInstall it: {install_command('cluster')}")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry; read when Ray is imported
    # By default Ray retries a task that runs out of memory without limit, although it would never fit.
    os.environ.setdefault("RAY_task_oom_retries", "3")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # under `uv run`, Ray would copy the current folder
    import ray
    from ray.job_config import JobConfig

    if ray.is_initialized():
        return ray, False
    address = settings.address
    job: Any = JobConfig()
    # Ray adds this process's current folder and that of its script to the workers' path: this list stays empty.
    job._py_driver_sys_path = deque(maxlen=0)
    options: dict[str, Any] = {"job_config": job}
    if address == "local":
        options |= {"include_dashboard": False, "num_cpus": settings.workers}
    else:
        _check_address(address)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Ray Client connection timed out")  # reported below, with what to do
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:  # ConnectionError, RuntimeError, AuthenticationError and others
        ray.shutdown()  # clean up after a half-open connection
        raise ConfigError(_connection_error(address, str(error) or type(error).__name__)) from error
    return ray, True


def _check_address(address: str) -> None:
    """Raise a ConfigError if no Ray cluster answers at the address."""
    from ray._private.services import canonicalize_bootstrap_address

    client = address.startswith("ray://")
    try:  # Ray resolves "auto" and this machine's own name
        found = address.removeprefix("ray://") if client else canonicalize_bootstrap_address(address)
    except Exception as error:
        raise ConfigError(_connection_error(address, str(error))) from error
    if found is None or found.startswith("ray://"):  # nothing runs here, or RAY_ADDRESS names a client's port
        if address == "auto" and found is None:
            raise ConfigError(_connection_error(address, "no running cluster was found"))
        found, client = found.removeprefix("ray://") if found else address, True
    host, _, port = found.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise ConfigError(
            _connection_error(address, f"nothing answers at {found} ({error.strerror or error})")
        ) from None
    if not client:
        _check_head(address, found)


def _check_head(address: str, found: str) -> None:
    """Try to connect in a separate process: Ray retries for minutes, and reports the reason only on standard error."""
    try:
        done = subprocess.run(
            python_command("-c", _CONNECT, found), capture_output=True, text=True, timeout=_HEAD_ANSWER
        )
        answers, output = "answers" in done.stdout, done.stderr
    except subprocess.TimeoutExpired as error:
        answers, output = False, error.stderr or b""
        output = output.decode(errors="replace") if isinstance(output, bytes) else output
    if answers:
        return
    if "has_token" in output:  # Ray's own check failed here
        raise ConfigError(_connection_error(address, "RAY_AUTH_MODE=token, but this machine has no token"))
    if "AuthToken" in output or "Unauthenticated" in output:
        raise ConfigError(_connection_error(address, "the cluster rejected the token"))
    raise ConfigError(_connection_error(address, f"{found} is not the head node of a Ray cluster"))


def _connection_error(address: str, reason: str) -> str:
    reason = reason.partition("Traceback")[0]  # an error from the head node repeats the same text after its traceback
    line = " ".join(line.strip() for line in reason.splitlines() if line.strip())[:400].rstrip(" :")
    advice = (
        'Start one (ray start --head) and give its address, HOST:6379 or ray://HOST:10001; "local" starts one here.'
    )
    low = reason.lower()
    if "client connection timeout" in low:  # a rejected token looks like a missing server
        line = "this is not the port of Ray's client server, or the server rejected the token"
        advice = (
            "Use the port of --ray-client-server-port, usually 10001, and put the token into\n"
            "~/.ray/auth_token or RAY_AUTH_TOKEN, with RAY_AUTH_MODE=token."
        )
    elif "initialization failure" in low:
        advice = "Run the same command again; if it still fails, see ray_client_server.err on the head node."
    elif "token" in low or "authenticat" in low:
        advice = (
            "Put its token into ~/.ray/auth_token or RAY_AUTH_TOKEN, with RAY_AUTH_MODE=token; "
            "`ray get-auth-token` on the head node prints it."
        )
    elif "version" in low:
        advice = "Use the same versions of Ray and Python on this machine and every node."
    return f'[cluster] address = "{address}": {line}\n{advice}'


_AHEAD = 2  # tasks handed out per core: one runs, one waits
_RETRIES = 5  # how often a task is retried when its worker or node is lost
_PROBE = 60.0  # seconds for a node's first answer: it starts a process and imports the package
_LOOK = 10.0  # seconds between two checks whether the cluster has any cores
_EMPTY = 120.0  # seconds to wait for a cluster without cores
_PACKAGES = ("tuneworth", "polars")
_ENVIRONMENT = {"env_vars": ONE_THREAD}


class RayTasks:
    """Runs tasks on the nodes of a Ray cluster; each takes one core and, if stated, its memory."""

    def __init__(self, settings: ClusterSettings) -> None:
        """Connect. Raises: ConfigError if there is no cluster, or no node has room for one task."""
        self._settings = settings
        self._ray, self._started = connect(settings)
        try:
            room = sum(self._room(node["Resources"]) for node in self._nodes())
            if not room:
                raise ConfigError(self._too_small())
        except BaseException:
            self.close()
            raise
        self.workers = min(room, settings.workers or room)

    def prepare(self, storage: Storage) -> None:
        """Check every node once: the same versions, and access to the storage.

        Raises: ConfigError that names the node and what it lacks.
        """
        probe, text = f".seen-{secrets.token_hex(6)}.json", secrets.token_hex(6)
        storage.write_json(probe, text)
        try:
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as OnNode

            look = self._ray.remote(_look)
            probes = []
            for node in self._nodes():
                if self._room(node["Resources"]):
                    there = look.options(
                        num_cpus=0,
                        max_retries=2,
                        scheduling_strategy=OnNode(node["NodeID"], soft=False),
                        runtime_env=_ENVIRONMENT,  # as for the tasks, so they reuse the same processes
                    )
                    probes.append((node["NodeManagerAddress"], there.remote(storage, probe)))
            found = [self._problem(node, ref, storage, text) for node, ref in probes]
        finally:
            storage.remove(probe)
        if problems := [problem for problem in found if problem is not None]:
            raise ConfigError.of(problems, where=f'[cluster] address = "{self._settings.address}"')

    def carry_out(self, storage: Storage, tasks: Sequence[Task], *, store: bool) -> Iterator[tuple[int, Done | Result]]:
        """Results in order of completion; at most two tasks per core are submitted at a time.

        Raises: the first task's TuneworthError; RunBroken if workers are lost repeatedly.
        """
        ray = self._ray
        call = ray.remote(carry_out).options(
            num_cpus=1,
            memory=self._settings.memory_bytes,
            max_retries=_RETRIES,
            retry_exceptions=False,
            scheduling_strategy="SPREAD",
            runtime_env=_ENVIRONMENT,
        )
        waiting, running = list(range(len(tasks)))[::-1], {}
        # With fewer workers than cores, submit no more than can run.
        ahead = self.workers * (1 if self._settings.workers else _AHEAD)
        empty_since: float | None = None
        try:
            while waiting or running:
                while waiting and len(running) < ahead:
                    at = waiting.pop()
                    running[call.remote(storage, tasks[at], store=store)] = at
                ended, _ = ray.wait(list(running), num_returns=1, timeout=_LOOK)
                empty_since = None if ended else self._see_cores(empty_since)
                for ref in ended:
                    at = running.pop(ref)
                    yield at, self._result(ref, tasks[at])
        finally:
            for ref in running:
                ray.cancel(ref, force=True)

    def close(self) -> None:
        """End the connection, and the cluster if it was started here."""
        if self._started:
            self._ray.shutdown()

    def _nodes(self) -> list[dict[str, Any]]:
        alive = [node for node in self._ray.nodes() if node["Alive"]]
        return sorted(alive, key=lambda node: (node["NodeManagerAddress"], node["NodeID"]))

    def _room(self, resources: dict[str, float]) -> int:
        """Tasks that a node runs at a time."""
        cores, memory = int(resources.get("CPU", 0)), self._settings.memory_bytes
        return cores if memory is None else min(cores, int(resources.get("memory", 0) // memory))

    def _too_small(self) -> str:
        most = max((node["Resources"].get("memory", 0) for node in self._nodes()), default=0)
        if self._settings.memory_bytes and self._settings.memory_bytes > most:
            return (
                f"[cluster] memory_per_task = {self._settings.memory_per_task!r} is more than any node has "
                f"({say.size(most)})\nLower it, and raise partitions so that each task needs less."
            )
        return f'[cluster] address = "{self._settings.address}": no node of the cluster has a free core'

    def _problem(self, node: str, ref: Any, storage: Storage, text: str) -> str | None:
        here = _versions()
        try:
            there, seen = self._ray.get(ref, timeout=_PROBE)
        except self._ray.exceptions.GetTimeoutError:
            return f"node {node} did not answer within {say.duration(_PROBE)}"
        except self._ray.exceptions.RayError as error:
            reason = _last_line(error)
            return f"node {node} cannot run tuneworth ({reason}); install tuneworth {here['tuneworth']} on every node"
        wrong = [
            f"{name} {there.get(name)} instead of {mine}" for name, mine in here.items() if there.get(name) != mine
        ]
        if wrong:
            return f"node {node} has {', '.join(wrong)}; every node needs the same versions"
        if seen != text:
            return (
                f"node {node} cannot read the storage {storage.at('')}; "
                "set [cluster] storage to a folder that all nodes share under one path, or a URL"
            )
        return None

    def _result(self, ref: Any, task: Task) -> Done | Result:
        errors = self._ray.exceptions
        try:
            return self._ray.get(ref)
        except errors.RayTaskError as error:
            if isinstance(error.cause, TuneworthError):
                raise error.cause from None
            raise RunBroken(f"{task.stage}, part {task.part} failed\n{_last_line(error)}") from error
        except (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError) as error:
            raise RunBroken(
                f"{task.stage}, part {task.part}: its workers were lost repeatedly, probably out of memory\n"
                "Raise [cluster] partitions, for smaller parts, or memory_per_task, for more memory each. "
                "Finished parts are kept: run the same command to resume."
            ) from error
        except errors.RayError as error:
            raise RunBroken(f"{task.stage}, part {task.part}: the cluster failed ({_last_line(error)})") from error

    def _see_cores(self, empty_since: float | None) -> float | None:
        """Since when the cluster has had no room for a task; None if it has room. Raises: RunBroken after a timeout."""
        if any(self._room(node["Resources"]) for node in self._nodes()):
            return None
        now = time.monotonic()
        if empty_since is not None and now - empty_since > _EMPTY:
            raise RunBroken(
                "the cluster has lost all nodes that could take a task\n"
                "Start nodes and run the same command to resume: finished parts are kept."
            )
        return now if empty_since is None else empty_since


def _look(storage: Storage, probe: str) -> tuple[dict[str, str], Any]:
    """What a node has, and what it can read from the storage; runs on that node."""
    try:
        return _versions(), storage.read_json(probe)
    except TuneworthError:
        return _versions(), None


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source folder
            found[name] = "of unknown version"
    return found


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
