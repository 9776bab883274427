"""A browser for the page of the workbench."""

from collections.abc import Iterator

import pytest

from ..reports.chromium import Window, chromium_window


@pytest.fixture(scope="module")
def window() -> Iterator[Window]:
    """A window of Chromium; a module's own, as its driver holds the event loop as long as it runs."""
    with chromium_window() as opened:
        yield opened
