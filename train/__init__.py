"""Splits in, LoRA adapter out; torch and transformers are imported at first use.

The names are listed in `__init__.pyi`; each is imported at its first use.
"""

from lazy_loader import attach_stub

from .model.hardware import set_waiting

set_waiting()  # before torch is first imported

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
