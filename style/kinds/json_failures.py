"""What does not fit a JSON Schema; run as a program, the same in a process that can be stopped.

The program imports nothing of Tuneworth, so that it starts at once.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import jsonschema_rs

MOST = 20  # of one output: locating each one costs a pass over its text
_SHOWN = 200  # characters of a message, which may hold a long list
_MAX_PATTERN_BYTES = 10 * 2**20
_PATIENCE = 2.0  # seconds for one output; an ordinary one takes less than a thousandth
_MOST_LATE = 2  # outputs that take longer; further ones like them are not tried
_MEMORY = 400 * 2**20  # bytes of that process, where the system can limit it
_STARTS_WITHIN = 60.0  # seconds, on a busy machine
# The process needs no key of an endpoint, so that it gets none.
_NEEDED = ("PATH", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "VIRTUAL_ENV")

Failures = list[tuple[list[str | int], str]]  # the path of a value, and what does not fit there


def compiled(schema: Any) -> "jsonschema_rs.Validator":
    """The validator of a schema: formats are checked, patterns run in linear time, nothing is fetched.

    Raises: ValueError or ReferencingError of jsonschema-rs if it is not a valid schema.
    """
    # jsonschema-rs: maintained weekly, linear-time patterns, 50 times as fast as the pure-Python library.
    import jsonschema_rs

    options = jsonschema_rs.RegexOptions(size_limit=_MAX_PATTERN_BYTES)
    return jsonschema_rs.validator_for(
        schema, pattern_options=options, retriever=_refuse, validate_formats=True, mask="this value"
    )


def _refuse(uri: str) -> Any:
    raise ValueError(uri)


def failures(validator: "jsonschema_rs.Validator", value: Any) -> Failures | None:
    """The first MOST failures of a value, and one more if there are more; None if it has half a character of Unicode."""
    try:
        if validator.is_valid(value):
            return []
        found: Failures = []
        for error in validator.iter_errors(value):
            found.append((list(error.instance_path), error.message[:_SHOWN]))
            if len(found) > MOST:
                break
        return found
    except UnicodeEncodeError:
        return None


class StoppableValidator:
    """Validates in a process of its own, which is stopped when one output takes too long."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()
        self._late = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def failures(self, text: str) -> Failures | None:
        """As `failures`, for a text that is JSON. Raises: TimeoutError if it takes too long, or others took too long."""
        if self._late >= _MOST_LATE:
            raise TimeoutError
        try:
            process = self._process or self._start()
            print(json.dumps(text), file=process.stdin, flush=True)
            return json.loads(self._answers.get(timeout=_PATIENCE))
        except (queue.Empty, OSError, ValueError):  # late, or it ended: out of memory
            self._late += 1
            self._stop()
            raise TimeoutError from None

    def _start(self) -> "subprocess.Popen[str]":
        from ...core import python_command

        environment = {name: os.environ[name] for name in _NEEDED if name in os.environ}
        process = subprocess.Popen(
            python_command(__file__), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            encoding="utf-8", env=environment,
        )  # fmt: skip
        self._process, self._answers = process, queue.Queue()
        threading.Thread(target=_pass_on, args=(process.stdout, self._answers), daemon=True).start()
        print(json.dumps(self._schema), file=process.stdin, flush=True)
        self._answers.get(timeout=_STARTS_WITHIN)
        return process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            with suppress(OSError):  # what it did not read
                self._process.stdin.close()  # type: ignore[union-attr]
            self._process = None


def _pass_on(lines: Any, answers: "queue.Queue[str]") -> None:
    for line in lines:
        answers.put(line)
    answers.put("")  # it has ended
    lines.close()


def _serve() -> None:
    """The schema in the first line, then a text in each; the failures of each as a line."""
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    validator = compiled(json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(failures(validator, json.loads(json.loads(line)))), flush=True)


if __name__ == "__main__":
    _serve()
