"""What the other folders build on: errors, settings, atomic files, numbers as text, progress, console."""

from .console import Talk, printable
from .errors import ConfigError, DataError, GateFailed, InputError, ModelError, RunBroken, TuneworthError
from .files import disk_refusal, disk_refusals, free_bytes, read_object, sha256_file, whole_folder, write_whole
from .numbers import MINUS, NBSP, NEVER, UNKNOWN, Numbers, kept_together, roughly, say, unbroken
from .progress import Clock, Progress, Say, peak_bytes, reset_peak, silent
from .settings import build_settings, key_of, misfits, nearest, read_toml, shown_value, unknown_keys

__all__ = [
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
    "Numbers",
    "Progress",
    "RunBroken",
    "Say",
    "Talk",
    "TuneworthError",
    "build_settings",
    "disk_refusal",
    "disk_refusals",
    "free_bytes",
    "kept_together",
    "key_of",
    "misfits",
    "nearest",
    "peak_bytes",
    "printable",
    "read_object",
    "read_toml",
    "reset_peak",
    "roughly",
    "say",
    "sha256_file",
    "shown_value",
    "silent",
    "unbroken",
    "unknown_keys",
    "whole_folder",
    "write_whole",
]
