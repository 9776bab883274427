"""Says what to know about pairs before anything is done with them, and what to type about it.

The names are listed in `__init__.pyi`; each is imported at its first use.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
