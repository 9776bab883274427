"""Raw pairs into clean pairs, splits that cannot leak, and a ledger of what became of every row."""

from .export import export_pairs
from .files import read_split, write_curated
from .overrides import Override, add_override, read_overrides
from .pipeline import Curated, curate
from .read import RawPairs, read_frame, read_pairs
from .run_files import read_ledger
from .settings import CurateSettings, DataSettings, SplitShares
from .splits_file import HeldSplits, read_splits, write_splits
from .why import Explanation, why

__all__ = [
    "CurateSettings",
    "Curated",
    "DataSettings",
    "Explanation",
    "HeldSplits",
    "Override",
    "RawPairs",
    "SplitShares",
    "add_override",
    "curate",
    "export_pairs",
    "read_frame",
    "read_ledger",
    "read_overrides",
    "read_pairs",
    "read_split",
    "read_splits",
    "why",
    "write_curated",
    "write_splits",
]
