"""Raw pairs into clean pairs, splits that cannot leak, and a ledger of what became of every row."""

from .export import export_pairs
from .files import read_ledger, read_split, write_curated
from .pipeline import Curated, curate
from .read import RawPairs, read_frame, read_pairs
from .settings import CurateSettings, DataSettings, SplitShares
from .why import Explanation, why

__all__ = [
    "CurateSettings",
    "Curated",
    "DataSettings",
    "Explanation",
    "RawPairs",
    "SplitShares",
    "curate",
    "export_pairs",
    "read_frame",
    "read_ledger",
    "read_pairs",
    "read_split",
    "why",
    "write_curated",
]
