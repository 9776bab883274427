"""What the workbench answers when the machine, not the person, is at fault."""

import errno
import io
import json
from contextlib import redirect_stderr
from typing import Any

import pytest

from tuneworth.core import Console
from tuneworth.review.server.server import _answer


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (MemoryError(), 507, "out of memory; close other programs, look at what is saved, then try again"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 507, "out of memory; close other programs, "),
        (OSError(errno.EIO, "Input/output error", "run.json"), 507, "run.json: Input/output error; look at what is"),
        (ValueError("a fault of ours"), 500, "unexpected error: ValueError; "),
    ],
)
def test_an_error_that_is_not_about_the_request(error: Exception, status: int, said: str) -> None:
    def fails(*_: Any) -> Any:
        raise error

    with redirect_stderr(io.StringIO()) as printed:
        answer = _answer(None, fails, lambda: None, Console())  # type: ignore[arg-type]
    assert (answer.status_code, json.loads(bytes(answer.body))["error"][: len(said)]) == (status, said)
    assert ("Traceback" in printed.getvalue()) is (status == 500)
