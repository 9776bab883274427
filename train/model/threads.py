"""How many threads torch uses, one per core that this process may use, and how they wait for each other."""

import os
import sys

__all__ = ["set_threads", "set_waiting", "usable_cores"]

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
