"""`tuneworth review`: rows that wait for a decision, the style and outputs to judge, in the browser of this machine.

The names are listed in `__init__.pyi`; each is imported at its first use.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
