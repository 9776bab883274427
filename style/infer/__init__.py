"""A style inferred from examples: proposals of the kinds, counted, without what another rule says."""

from .evidence import Evidence
from .infer import InferredStyle, infer_proposed, infer_style

__all__ = ["Evidence", "InferredStyle", "infer_proposed", "infer_style"]
