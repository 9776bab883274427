"""What requests cost, what a change saves, and when it pays back.

The names are listed in `__init__.pyi`; each is imported at its first use, which keeps looking up prices fast.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
