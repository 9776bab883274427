"""A project folder, its runs, and the stages of a run: the Python API behind the commands.

The names are listed in `__init__.pyi`; each is imported at its first use.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
