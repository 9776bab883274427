"""What the other folders build on: errors, settings, atomic files, numbers as text, progress, console."""

from .console import FIRST_ROWS, Talk, printable, quoted_page
from .errors import ConfigError, DataError, GateFailed, InputError, ModelError, RunBroken, TuneworthError
from .files import disk_refusal, disk_refusals, free_bytes, read_object, sha256_file, whole_folder, write_whole
from .numbers import MINUS, NBSP, NEVER, UNKNOWN, kept_together, roughly, say, unbroken
from .progress import Clock, Progress, Say, peak_bytes, reset_peak, silent
from .rows import Row, filled, range_text, row_lines, row_text, value_text
from .settings import build_settings, key_of, misfits, nearest, read_toml, shown_value, unknown_keys

__all__ = [
    "FIRST_ROWS",
    "MINUS",
    "NBSP",
    "NEVER",
    "UNKNOWN",
    "Clock",
    "ConfigError",
    "DataError",
    "GateFailed",
    "InputError",
    "ModelError",
    "Progress",
    "Row",
    "RunBroken",
    "Say",
    "Talk",
    "TuneworthError",
    "build_settings",
    "disk_refusal",
    "disk_refusals",
    "filled",
    "free_bytes",
    "kept_together",
    "key_of",
    "misfits",
    "nearest",
    "peak_bytes",
    "printable",
    "quoted_page",
    "range_text",
    "read_object",
    "read_toml",
    "reset_peak",
    "roughly",
    "row_lines",
    "row_text",
    "say",
    "sha256_file",
    "shown_value",
    "silent",
    "unbroken",
    "unknown_keys",
    "value_text",
    "whole_folder",
    "write_whole",
]
