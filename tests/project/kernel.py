"""A Jupyter kernel of this Python, and what its cells print and show."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

SECONDS = 240  # for a cell, on a busy machine


@dataclass
class Cell:
    """What a cell wrote to standard output and standard error, and its last line as text and as HTML."""

    out: str = ""
    err: str = ""
    text: str = ""
    html: str = ""
    problem: list[str] = field(default_factory=list)

    def take(self, message: dict[str, Any]) -> None:
        """Note a message of the kernel."""
        kind, content = message["msg_type"], message["content"]
        if kind == "stream" and content["name"] == "stdout":
            self.out += content["text"]
        elif kind == "stream":
            self.err += content["text"]
        elif kind == "execute_result":
            self.text, self.html = content["data"]["text/plain"], content["data"].get("text/html", "")
        elif kind == "error":
            self.problem = content["traceback"]


@dataclass(frozen=True)
class Kernel:
    """A running kernel; names stay from cell to cell."""

    client: BlockingKernelClient

    def run(self, code: str) -> Cell:
        """Run a cell to its end."""
        cell = Cell()
        self.client.execute_interactive(code, output_hook=cell.take, timeout=SECONDS)
        return cell


@contextmanager
def kernel(folder: Path, files: Path) -> Iterator[Kernel]:
    """A kernel that works in `folder` and keeps its own `files` apart from those of the user."""
    manager = KernelManager(
        kernel_name="python3", connection_file=str(files / "kernel.json"), transport="ipc", ip=str(files / "kernel")
    )
    manager.start_kernel(cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.context.destroy()
