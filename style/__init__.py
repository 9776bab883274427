"""What a good output looks like: one schema that validates, writes the guide and scores."""

from .check import check_outputs, explain
from .errors import ConfigError, DataError, GateFailed, InputError, ModelError, RunBroken, TuneworthError
from .example import good_example
from .fields import field_text, render_fields
from .files import sha256_file, write_whole
from .guide import check_sentence, check_table, write_guide
from .infer import InferredStyle, infer_style
from .kinds.leftovers import refused
from .read import parse_style, read_style
from .schema import Check, StyleResults, StyleSchema
from .settings import build_settings

__all__ = [
    "Check",
    "ConfigError",
    "DataError",
    "GateFailed",
    "InferredStyle",
    "InputError",
    "ModelError",
    "RunBroken",
    "StyleResults",
    "StyleSchema",
    "TuneworthError",
    "build_settings",
    "check_outputs",
    "check_sentence",
    "check_table",
    "explain",
    "field_text",
    "good_example",
    "infer_style",
    "parse_style",
    "read_style",
    "refused",
    "render_fields",
    "sha256_file",
    "write_guide",
    "write_whole",
]
