"""The most memory that a process held while a task ran."""

import sys
from pathlib import Path

__all__ = ["peak_bytes", "reset_peak"]

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Let the high-water mark start anew, where the system allows that (Linux)."""
    try:
        _RESET.write_text("5")
    except OSError:
        return


def peak_bytes() -> int | None:
    """Bytes of resident memory at the most since the reset, else since the process began; None where nothing says."""
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
