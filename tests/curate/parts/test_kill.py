"""A driver killed at any moment: run again, what is done is not done again, the result is the same.

The same on a cluster, and of its nodes, is in test_ray_tasks.py, which has one.
"""

import signal
from pathlib import Path
from types import ModuleType

import pytest

from .drivers import PARTS, begun, finished, notes_of, start_driver, wait_until_done

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("parts", [5, 20])
def test_a_killed_driver_goes_on_where_it_stopped(stages: ModuleType, tmp_path: Path, parts: int) -> None:
    driver = start_driver(tmp_path, "processes", 0.2)
    wait_until_done(driver, tmp_path, parts)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    before = begun(tmp_path)
    whole = finished(tmp_path)
    again = start_driver(tmp_path, "processes", 0.0)
    notes = notes_of(again, tmp_path)
    after = begun(tmp_path)
    assert notes == stages.expected(PARTS)
    assert len(whole) >= parts
    assert {name: after[name] - before[name] for name in whole} == dict.fromkeys(whole, 0)
    assert sum(after.values()) <= 3 * PARTS + 4  # at most the tasks that ran at the kill were begun twice
