"""`python -m tuneworth.cli`, for launchers that want a module."""

import sys

from ..core import safe_path

sys.path = safe_path()  # for a module, Python puts the current folder in front

from .main import main  # noqa: E402

main()
