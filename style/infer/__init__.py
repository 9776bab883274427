"""A style inferred from examples: proposals of the kinds, counted, without what another rule says."""

from .evidence import Evidence
from .infer import InferredStyle, infer_proposed, infer_style
from .text import entries_text

__all__ = ["Evidence", "InferredStyle", "entries_text", "infer_proposed", "infer_style"]
