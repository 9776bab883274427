"""Prints repairs that inferred styles make in files of pairs, for a person to read.

Run: `python benchmarks/repair.py FILE:INPUT:OUTPUT ...`; of each file eight changes are drawn with seed 16.
"""

import random
import sys
from pathlib import Path

from tuneworth.curate import DataSettings, read_pairs
from tuneworth.style import infer_style, pair_columns, repair_columns

READ = 8


def main() -> None:
    for argument in sys.argv[1:]:
        file, source, output = argument.split(":")
        pairs = read_pairs(file, DataSettings(path="", input=source, output=output)).pairs
        inferred = infer_style(pairs)
        if inferred.schema is None:
            print(f"{Path(file).name}: no style")
            continue
        changes = repair_columns(pair_columns(pairs), inferred.schema).changes
        print(f"{Path(file).name}: {len(pairs):,} pairs, {changes['index'].n_unique():,} repaired")
        rows = list(changes.iter_rows(named=True))
        for row in random.Random(16).sample(rows, min(READ, len(rows))):
            before, after = (repr(row[name])[:70] for name in ("before", "after"))
            print(f"  {row['rule']}: {before} -> {after} | {pairs['output'][row['index']][:110]!r}")


if __name__ == "__main__":
    main()
