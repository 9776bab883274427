"""A driver of the chain of `chain_stages` as a process of its own, and what it has left so far."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PARTS = 12
_DRIVER = """
import json, sys
from tuneworth.curate import Processes
from tuneworth.curate import RayTasks
from tuneworth.curate import ClusterSettings
from tuneworth.curate import open_storage
from tuneworth.curate import Job
import chain_stages

if __name__ == "__main__":
    folder, address, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])
    executor = Processes(2) if address == "processes" else RayTasks(ClusterSettings(address=address))
    with Job.open(open_storage(folder + "/store"), {"data": "numbers"}, executor=executor) as job:
        notes = [job.run(tasks) for tasks in chain_stages.chain(12, folder, pause)]
    with open(folder + "/notes.json", "w") as file:
        json.dump(notes, file)
"""


def start_driver(folder: Path, address: str, pause: float) -> subprocess.Popen[bytes]:
    script = folder / "driver.py"
    script.write_text(_DRIVER)
    command = [sys.executable, str(script), str(folder), address, str(pause)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def notes_of(driver: subprocess.Popen[bytes], folder: Path) -> Any:
    """What a driver found, once it is through."""
    assert driver.wait() == 0
    return json.loads((folder / "notes.json").read_text())


def finished(folder: Path) -> set[str]:
    """The parts whose `done.json` is there, as `stage-part`."""
    return {f"{p.parent.parent.name}-{int(p.parent.name)}" for p in (folder / "store").glob("jobs/*/*/*/done.json")}


def begun(folder: Path) -> dict[str, int]:
    """How often each part was begun."""
    names = [f"{stage}-{part}" for stage in ("numbers", "sums", "total") for part in range(PARTS)]
    return {name: len((folder / name).read_text().splitlines()) for name in names if (folder / name).exists()}


def wait_until_done(driver: subprocess.Popen[bytes], folder: Path, parts: int) -> None:
    while len(finished(folder)) < parts:
        assert driver.poll() is None, "the driver ended before its time"
        time.sleep(0.02)
