"""Curates again from the page, by the command in a process of its own, so that the page stays quick meanwhile."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from ...core import ConfigError, TuneworthError, python_command, withheld_keys

_MOST_LINES = 200  # of messages, the newest
_PATIENCE = 5.0  # seconds for the process to end when it is asked to


class Curating:
    """At most one curation at a time. `done` is called with the folder of the curated run, in a thread of its own."""

    def __init__(self, done: Callable[[Path], None], *, allow_code: bool) -> None:
        self._done, self._options = done, ["--allow-code"] if allow_code else []
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._state, self._run, self._start, self._seconds = "idle", "", 0.0, 0.0

    @property
    def state(self) -> dict[str, Any]:
        """`state` (idle, running, done, failed), the messages so far, the seconds, and the name of the new run."""
        seconds = perf_counter() - self._start if self._state == "running" else self._seconds
        return {"state": self._state, "lines": list(self._lines), "seconds": round(seconds, 1), "run": self._run}

    def start(self, folder: Path) -> None:
        """Curate the run in this folder again. Raises: ConfigError if a curation is under way."""
        with self._lock:
            if self._state == "running":
                raise ConfigError("the run is being curated already; wait until that is done")
            words = ["curate", str(folder.resolve()), "--again", "--json", *self._options]
            self._lines, self._start, self._state = [], perf_counter(), "running"
            # In a session of its own, as Ctrl-C in the terminal must end the server first, which then ends this.
            self._process = subprocess.Popen(
                python_command("-m", "tuneworth.cli", *words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, encoding="utf-8", errors="replace", start_new_session=True,
                env={**os.environ, **withheld_keys()},
            )  # fmt: skip
        threading.Thread(target=self._follow, args=(self._process,), daemon=True, name="curating").start()

    def close(self) -> None:
        """End a curation that is under way; it leaves no partial file."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        if os.name == "posix":
            process.send_signal(signal.SIGINT)
        else:  # Windows sends Ctrl-C only to all programs of a console; ended like this, it leaves no partial file either
            process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()

    def _follow(self, process: "subprocess.Popen[str]") -> None:
        """Keep the messages of the command, wait for its end, and open the run."""
        answer = threading.Thread(target=self._listen, args=(process,), daemon=True, name="messages")
        answer.start()
        assert process.stdout is not None
        found = process.stdout.read()
        answer.join()
        code = process.wait()
        self._seconds = perf_counter() - self._start
        self._state = "failed" if code else self._opened(Path(json.loads(found)["run"]))

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._say(line.rstrip("\n").removeprefix("tuneworth: "))

    def _say(self, line: str) -> None:
        """Keep a message; of very many the newest."""
        self._lines = [*self._lines[1 - _MOST_LINES :], line]

    def _opened(self, folder: Path) -> str:
        """Open the curated run; the state after that."""
        try:
            self._done(folder)
        except TuneworthError as error:
            self._say(str(error))
            return "failed"
        self._run = folder.name
        return "done"
