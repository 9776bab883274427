"""Turns a finished run into one HTML page and one Markdown page that a stakeholder can read.

The public names are listed in `__init__.pyi`; each is imported on first use.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
