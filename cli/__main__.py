"""`python -m tuneworth.cli`, for launchers that want a module."""

from .main import main

main()
