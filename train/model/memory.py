"""Memory: the peak of this process, and what is still available."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...core import peak_bytes

__all__ = ["MemoryAtHand", "memory_at_hand", "memory_in_use", "peak_memory_bytes"]

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
