"""A style inferred from examples: proposals of the kinds, counted, without what another rule says."""

from .evidence import Evidence
from .infer import InferredStyle, infer_proposed, infer_style
from .task import RecognisedTask, recognise_task

__all__ = ["Evidence", "InferredStyle", "RecognisedTask", "infer_proposed", "infer_style", "recognise_task"]
