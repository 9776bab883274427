"""Seconds per step, and reports of long work."""

from tuneworth.core import Clock


def test_steps_are_timed_and_long_work_is_reported_every_five_seconds():
    now, lines, seconds = iter([0.0, 1.0, 5.5, 6.0, 10.0, 130.0]), [], {"read": 2.0}
    clock = Clock(seconds, lines.append, clock=lambda: next(now))
    for step in ("normalise", "check", "join", "join", "split"):
        clock.lap(step)
    assert seconds == {"read": 2.0, "normalise": 1.0, "check": 4.5, "join": 4.5, "split": 120.0}
    assert [line.partition(":")[0] for line in lines] == ["check", "split"]
    assert lines[1] == "split: done, 2 min 10 s so far"
