"""People's decisions about single rows: the file they are in, how they are replayed, and what explains and lists rows.

The names are listed in `__init__.pyi`; each is imported at its first use.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
