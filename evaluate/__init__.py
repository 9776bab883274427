"""From variants to outputs, scores, money and a verdict.

The public names are listed in `__init__.pyi`; each is imported on first use.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
