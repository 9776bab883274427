"""The `[cluster]` table of tuneworth.toml, with its ranges checked."""

import re
from dataclasses import dataclass
from pathlib import Path

from ...core import misfits, read_size, shown_value

_ADDRESS = re.compile(r"(ray://)?[^\s:/]+:\d{1,5}")
_PER_CORE = 4  # parts per core: few cores idle at the end, and a lost part is little work
_LEAST = 16 * 2**20  # polars alone needs more than this in a Python process


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """Where parts are curated, where they are stored, and how many there are."""

    address: str = "auto"
    """`"auto"` (the running Ray cluster), `"local"` (Ray is started here), `"ray://host:port"` or `"host:port"`, or
    `"processes"` (no Ray: processes on this machine)."""
    storage: str = "runs"
    """A folder relative to the project's, or a URL, that every node reaches."""
    partitions: int | None = None
    """The number of parts. Default: four per core."""
    memory_per_task: str | int | None = None
    """The memory of one task: bytes, or a text such as `"2 GB"`. Default: no limit."""
    workers: int | None = None
    """Tasks at a time. Default: all cores."""

    def __post_init__(self) -> None:
        problems = misfits(self)
        if not problems:
            problems = [text for text in (self._address(), self._memory(), *self._counts()) if text]
            if not self.storage.strip():
                problems.append('storage is empty; examples: "runs", "s3://bucket/folder"')
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def memory_bytes(self) -> int | None:
        """`memory_per_task` in bytes; None if there is no limit."""
        return None if self.memory_per_task is None else read_size(self.memory_per_task)

    @property
    def on_ray(self) -> bool:
        """Whether tasks run on Ray."""
        return self.address != "processes"

    def parts(self, cores: int) -> int:
        """The number of parts to cut the data into: as stated, else four per core."""
        return self.partitions if self.partitions is not None else _PER_CORE * max(1, cores)

    def place(self, folder: Path) -> str | Path:
        """The location of the storage; a relative folder is relative to the project's."""
        return self.storage if "://" in self.storage else folder / self.storage

    def _address(self) -> str | None:
        if self.address in ("auto", "local", "processes"):
            return None
        if _ADDRESS.fullmatch(self.address) and int(self.address.rpartition(":")[2]) <= 65535:
            return None
        known = '"auto", "local", "processes", "ray://host:port" or "host:port"'
        return f"address must be {known}, found {shown_value(self.address)}"

    def _memory(self) -> str | None:
        if self.memory_per_task is None:
            return None
        found = read_size(self.memory_per_task)
        if found is None:
            return f'memory_per_task must be a size such as "2 GB", found {shown_value(self.memory_per_task)}'
        if found < _LEAST:
            return f'memory_per_task must be at least "16 MiB", found {shown_value(self.memory_per_task)}'
        return None

    def _counts(self) -> list[str]:
        counts = {"partitions": (self.partitions, 100_000), "workers": (self.workers, 100_000)}
        return [
            f"{name} must be from 1 to {most:,}, found {count}"
            for name, (count, most) in counts.items()
            if count is not None and not 1 <= count <= most
        ]
