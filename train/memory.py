"""Memory: the peak of this process, and the signs that there is no more."""

import sys

__all__ = ["out_of_memory", "peak_memory_bytes"]


def peak_memory_bytes() -> int:
    """The most memory that was in use: on the GPU where there is one, else of the whole process; 0 if unknown."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def out_of_memory(error: BaseException) -> bool:
    """Whether torch (on a GPU or a CPU) or Python says that memory ran out."""
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
