"""Progress on a terminal, in a log, and where nothing may be printed."""

import io
import json
import os
import pty
import subprocess
import sys
import threading

import pytest

from tuneworth.core import Console, ExpectedStep, StepProgress, Timetable
from tuneworth.core.console import LastLine, follow


def test_a_log_gets_a_line_before_thirty_seconds_of_silence_are_over(capsys: pytest.CaptureFixture[str]) -> None:
    now, printed = [0.0], []
    talk = Console(last_line=LastLine(clock=lambda: now[0]))
    step = StepProgress("plain", clock=lambda: now[0])
    step.advance(0, 80, "outputs")

    def wait(seconds: float) -> bool:
        """A wait that lasts two seconds longer than it should, during which the step moves on."""
        before = capsys.readouterr().err
        printed.extend([now[0]] * before.count("\n"))
        now[0] += seconds + 2
        step.advance(now[0] / 10, 80, "outputs")
        if 90 < now[0] < 110:
            talk.note("evaluate: another line")
        return now[0] > 200

    follow(step, talk, wait)
    assert len(printed) >= 7
    assert max(later - earlier for earlier, later in zip([0.0, *printed], printed, strict=False)) <= 30


def test_another_line_of_the_command_delays_the_next_one(capsys: pytest.CaptureFixture[str]) -> None:
    now, waits = [0.0], []
    talk = Console(last_line=LastLine(clock=lambda: now[0]))

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        now[0] += 15
        talk.note("train: step 1 of 9")
        return len(waits) == 4

    follow(StepProgress("training", clock=lambda: now[0]), talk, wait)
    assert waits == [20, 20, 20, 20]
    assert "training" not in capsys.readouterr().err


class Closed(io.StringIO):
    """A log that nobody reads."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_lines_end_when_nobody_reads_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waits = [0.0], []
    talk = Console(last_line=LastLine(clock=lambda: now[0]))
    monkeypatch.setattr("sys.stderr", Closed())

    def wait(seconds: float) -> bool:
        now[0] += seconds
        waits.append(seconds)
        return len(waits) == 9

    follow(StepProgress("training", clock=lambda: now[0]), talk, wait)
    assert waits == [20]


@pytest.mark.parametrize("talk", [Console(), Console(json=True), Console(quiet=True)])
def test_a_short_step_prints_nothing_however_long_the_log_was_silent(
    talk: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    talk.last_line.at -= 100
    with talk.progress("plain") as advance:
        advance(1, 2, "outputs")
    assert capsys.readouterr() == ("", "")


def test_lines_go_to_standard_error_and_none_comes_after_the_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tuneworth.core.console.LINES_APART", 0.0)
    monkeypatch.setattr("tuneworth.core.console.SHORT", 0.0)
    talk = Console(json=True)
    said = ""
    with talk.progress("plain") as advance:
        advance(1, 2, "outputs")
        while not (said := capsys.readouterr().err):
            pass
    assert said.startswith("plain: ")
    assert "progress" not in [thread.name for thread in threading.enumerate()]
    capsys.readouterr()
    talk.answer("", {"done": True})
    assert json.loads(capsys.readouterr().out) == {"done": True}


def test_a_timetable_tracks_the_steps_of_a_quiet_log() -> None:
    timetable = Timetable("demo", [ExpectedStep("plain", 50), ExpectedStep("report", 10)])
    talk = Console(timetable=timetable)
    with talk.progress("plain    "):
        pass
    assert timetable.seconds_left(0.0) <= 10


SHOWN = """
import time
from tuneworth.core import ExpectedStep, Console, Timetable, console, progress
progress.WARM_UP = console.SHORT = 0.0
console.LINES_APART = 0.1
talk = Console(quiet=QUIET, timetable=Timetable("demo", [ExpectedStep("plain", 60), ExpectedStep("report", 60)]))
with talk.progress("plain") as advance:
    advance(0, 80, "outputs")
    time.sleep(0.01)
    advance(39.6, 80, "outputs")
    time.sleep(0.3)  # rich draws ten times a second
"""


def on_terminal(*, quiet: bool = False, kind: str = "xterm") -> str:
    """What a terminal shows of a step."""
    terminal, other = pty.openpty()
    environment = {**os.environ, "TERM": kind, "COLUMNS": "120"}
    code = SHOWN.replace("QUIET", str(quiet))
    subprocess.run([sys.executable, "-c", code], stderr=other, env=environment, check=True)
    os.write(other, b"end")
    os.close(other)
    shown = os.read(terminal, 1 << 20).decode()
    os.close(terminal)
    return shown.removesuffix("end")


@pytest.mark.slow
def test_a_terminal_shows_a_bar_with_the_time_left_of_the_step_and_of_the_whole() -> None:
    shown = on_terminal()
    assert "━" in shown
    assert "39 of 80 outputs, about 5 s left; demo: about" in shown
    assert on_terminal(quiet=True) == ""


@pytest.mark.slow
def test_a_terminal_that_cannot_redraw_gets_lines() -> None:
    shown = on_terminal(kind="dumb")
    assert "━" not in shown
    assert "plain: 39 of 80 outputs, about 5 s left; demo: about" in shown
