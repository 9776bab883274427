"""What the other folders build on: errors, settings, files, numbers as text, progress, console, endpoints' addresses.

The names are listed in `__init__.pyi`; each is imported at its first use.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
