"""The documented command line for several machines. Run by torchrun, this file is what each process does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tuneworth.train import Processes, TrainSettings, fit

PAIRS = [{"input": f"part {i}", "output": f"yes, {i % 3}"} for i in range(7)]
SETTINGS = TrainSettings(rank=2, alpha=4, max_steps=5, batch_size=3, learning_rate=1e-2, dtype="float32")
# As docs/devices.md has it: two machines of one process each (here the same one).
TORCHRUN = ["torchrun", "--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1"]


def started(words: list[str], model: Path, out: Path) -> subprocess.Popen[str]:
    launcher = Path(sys.executable).parent / words[0]
    return subprocess.Popen(
        [str(launcher), *words[1:], __file__, str(model), str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.cluster
def test_what_two_machines_start_does_what_one_process_does(tiny_folder: Path, tiny_model: Any, tmp_path: Path) -> None:
    port = str(free_port())
    commands = [[*TORCHRUN, "--master-port", port, "--node-rank", str(rank)] for rank in (0, 1)]
    machines = [started(words, tiny_folder, tmp_path) for words in commands]
    for machine in machines:
        said = machine.communicate()
        assert machine.returncode == 0, said
    alone = fit(PAIRS, model=tiny_model, settings=SETTINGS, out=tmp_path / "alone")
    told = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    assert told[0] == told[1]
    assert [line["train_loss"] for line in told[0]] == pytest.approx(
        [line["train_loss"] for line in alone.log], rel=1e-5
    )


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    done = fit(PAIRS, model=sys.argv[1], settings=SETTINGS, out=folder / "together")
    here = Processes.here()
    assert here.count == 2
    (folder / f"{here.rank}.json").write_text(json.dumps(done.log))
    here.leave()
