"""How many threads torch works with: one per core that this process really has."""

import os

__all__ = ["set_threads", "usable_cores"]


def usable_cores() -> int:
    """The cores that this process may keep busy, at least 1.

    The smallest of the machine's physical cores (two threads on one core share its arithmetic), the CPUs that the
    process is bound to, and the CPU time that its container grants.
    """
    import joblib
    import psutil

    return max(1, min(joblib.cpu_count(), psutil.cpu_count(logical=False) or joblib.cpu_count()))


def set_threads() -> int:
    """Let torch use no more threads than there are usable cores, and return how many it uses.

    What was chosen before, by OMP_NUM_THREADS or by the program, is lowered where it is too much, never raised: in a
    container with 2 CPUs of 64, 64 threads wait for each other most of the time. Processes that were started together
    on one machine share its cores. The same number gives the same result.
    """
    import torch

    neighbours = int(os.environ.get("LOCAL_WORLD_SIZE") or 1)  # what torchrun tells each process
    wanted = max(1, usable_cores() // neighbours)
    if torch.get_num_threads() > wanted:
        torch.set_num_threads(wanted)
    return torch.get_num_threads()
