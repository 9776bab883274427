"""What this machine offers: threads and how they wait, memory, and the fastest number format."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ...core import peak_bytes

if TYPE_CHECKING:
    import torch

# --- threads -----------------------------------------------------------------------------------------------------

# Spins of a waiting thread before it sleeps. On two cores, tokens a second of training with the machine idle, and with
# one core used by another program: asleep at once 531 and 345; 2,000 spins 600 and 310; 6,000 spins 658, and 5,000 and
# 10,000 spins 237 and 187 with the other program; always awake 590.
TURNS = 6000
IDLE = 0.25  # of the cores busy over the last minute, at most: else the machine is shared


def usable_cores() -> int:
    """The cores that this process may use, at least 1.

    The minimum of the machine's physical cores (two threads on one core share its arithmetic), the CPUs that the
    process is bound to, and the CPU time that its container grants.
    """
    import joblib
    import psutil

    return max(1, min(joblib.cpu_count(), psutil.cpu_count(logical=False) or joblib.cpu_count()))


def set_waiting() -> None:
    """Let torch's threads spin while they wait if the machine is idle, and sleep if others use it.

    Must be called before torch is first imported, which reads it. The user's environment takes precedence. The result
    of a fit does not depend on it.
    """
    if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        return
    if _is_idle():
        os.environ["GOMP_SPINCOUNT"] = str(TURNS)  # of the OpenMP library that torch uses there
    else:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def _is_idle() -> bool:
    """Whether this is a Linux of which others use little; False if it does not tell, as where /proc cannot be read."""
    if sys.platform != "linux":
        return False
    try:
        return os.getloadavg()[0] <= IDLE * (os.cpu_count() or 1)
    except (AttributeError, OSError):
        return False


def set_threads() -> int:
    """Let torch use no more threads than there are usable cores, and return how many it uses.

    An earlier choice, by OMP_NUM_THREADS or by the program, is lowered if it is too high, never raised: in a
    container with 2 CPUs of 64, 64 threads wait for each other most of the time. Processes started together
    on one machine share its cores. The same number gives the same result.
    """
    import torch

    neighbours = int(os.environ.get("LOCAL_WORLD_SIZE") or 1)  # set by torchrun for each process
    wanted = max(1, usable_cores() // neighbours)
    if torch.get_num_threads() > wanted:
        torch.set_num_threads(wanted)
    return torch.get_num_threads()


# --- memory ------------------------------------------------------------------------------------------------------

# A control group (version 2, version 1) by its files: the limit, what is used, and the statistics' name for cached
# file contents that the system gives back when memory is wanted.
VERSIONS = {
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


@dataclass(frozen=True)
class MemoryAtHand:
    """How many bytes this process may still take, and what sets that limit: "machine", "container", "ulimit", "GPU"."""

    bytes: int
    limit: str


def memory_at_hand(device: str = "cpu", *, root: Path = Path("/")) -> MemoryAtHand:
    """The memory available to this process: the minimum of the machine's, the control groups' and its own limits.

    On a GPU, unused memory in its allocator counts as available. `root` is where /sys and /proc are.
    Processes started together on one machine share the rest equally.
    """
    if device.startswith("cuda"):
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return MemoryAtHand(free + unused, "GPU")
    import psutil

    neighbours = int(os.environ.get("LOCAL_WORLD_SIZE") or 1)  # set by torchrun for each process
    found = [MemoryAtHand(psutil.virtual_memory().available // neighbours, "machine")]
    found += [MemoryAtHand(left // neighbours, "container") for left in _left_in_groups(root)]
    if (own := _left_of_own()) is not None:
        found.append(MemoryAtHand(own, "ulimit"))
    return min(found, key=lambda memory: memory.bytes)


def memory_in_use(device: str = "cpu") -> int:
    """The bytes that this process uses now: on a GPU those of its tensors, else all of the process."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.memory_allocated(device)
    import psutil

    return psutil.Process().memory_info().rss


def peak_memory_bytes() -> int:
    """The most memory that was in use: on the GPU where there is one, else of the whole process; 0 if unknown."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return peak_bytes() or 0


def _left_in_groups(root: Path) -> Iterator[int]:
    """What each control group of this process still allows, from its own up to the outermost visible one."""
    for controller, path in _groups(root):
        limit_file, used_file, cache = VERSIONS[controller]
        mount = root / "sys/fs/cgroup" / controller
        # Inside a container the path is often the host's, and only the mount itself exists.
        for group in [mount / path, *(mount / path).parents]:
            limit, used = _number(group / limit_file), _number(group / used_file)
            if limit is not None and used is not None:
                yield max(0, limit - used + _statistic(group / "memory.stat", cache))
            if group == mount:
                break


def _groups(root: Path) -> Iterator[tuple[str, str]]:
    """This process's control groups that can limit memory: (controller, path without its first slash)."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            yield "", path.lstrip("/")
        elif "memory" in controllers.split(","):
            yield "memory", path.lstrip("/")


def _number(file: Path) -> int | None:
    """The number in a file; None if there is no file or it says "max"."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _statistic(file: Path, name: str) -> int:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0
    words = [line.split() for line in lines]
    return next((int(found[1]) for found in words if len(found) > 1 and found[0] == name), 0)


def _left_of_own() -> int | None:
    """What `ulimit -v` leaves of this process's address space; None if it sets no limit."""
    if sys.platform == "win32":
        return None
    try:
        import resource
    except ImportError:
        return None
    import psutil

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else max(0, soft - psutil.Process().memory_info().vms)


# --- number format -----------------------------------------------------------------------------------------------

WORTH_IT = 1.3  # bf16 rounds, so it must pay off; 2.2 on AVX-512 bf16, 0.2 to 0.4 without such instructions
ROWS, INNER, OUTER = 512, 576, 1536  # a feed-forward product of the default model

AUTO = 'dtype = "auto" takes the faster format'


def product_rate(dtype: "torch.dtype", *, seconds: float = 0.1) -> float:
    """Matrix-product rate in GFLOP/s, from the fastest product within `seconds`."""
    import torch

    left, right = torch.randn(ROWS, INNER).to(dtype), torch.randn(OUTER, INNER).to(dtype)
    torch.mm(left, right.T)  # the first product sets up the kernel
    best, until = float("inf"), time.perf_counter() + seconds
    while (start := time.perf_counter()) < until:
        torch.mm(left, right.T)
        best = min(best, time.perf_counter() - start)
    return 2 * ROWS * INNER * OUTER / best / 1e9


@cache
def bf16_ratio() -> float:
    """How much faster bf16 products are than fp32 ones on this CPU: a fifth to three times. 0.2 s, once per process."""
    import torch

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        return product_rate(torch.bfloat16) / product_rate(torch.float32)


@cache
def fastest_dtype(device: str) -> "torch.dtype":
    """bfloat16 where it is at least 1.3 times as fast as float32, else float32."""
    import torch

    if device != "cpu":
        bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if bf16 else torch.float32
    return torch.bfloat16 if bf16_ratio() >= WORTH_IT else torch.float32


def format_notices(dtype: "torch.dtype", *, device: str) -> tuple[str, ...]:
    """What a user should know about this number format on this device, "cpu" or "cuda"."""
    import torch

    if device == "cpu" and dtype == torch.bfloat16 and bf16_ratio() < 1:
        return (f"bfloat16 is {1 / bf16_ratio():.1f} times as slow as float32 on this processor; {AUTO}",)
    return ()
