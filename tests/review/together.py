"""Processes that begin their work at the same moment, so that they do get into one another's way."""

import subprocess
import sys
from collections.abc import Sequence

READY = """
import sys
print("ready", flush=True)
sys.stdin.readline()
"""


def run_together(before: str, work: str, arguments: Sequence[Sequence[str]]) -> list[int]:
    """The exit codes of processes that run `before` each at its pace, then `work` all at once."""
    script = f"{before}\n{READY}\n{work}"
    began = [
        subprocess.Popen([sys.executable, "-c", script, *own], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for own in arguments
    ]
    for one in began:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in began:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    for one in began:
        one.communicate(timeout=300)
    return [one.returncode for one in began]
