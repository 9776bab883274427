"""A few real steps before a fit: what is checked with them, and the time and memory that they forecast."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
