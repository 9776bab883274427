"""Plants swapped outputs in pairs and counts how many of them curating lists as mispaired, and how many clean rows.

Run: `python benchmarks/mispaired.py FILE:INPUT[,INPUT...]:OUTPUT ...`; it prints the table of benchmarks/mispaired.md. In
5% of the rows the outputs of two rows are exchanged: of two rows drawn at random, or of a row and the one whose request is
most similar. Rows with the same request or the same output are not exchanged with each other. Counted are rows that
curating keeps.
"""

import argparse
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.feature_extraction.text import TfidfVectorizer

from tuneworth.curate import MISPAIRED, Curated, CurateSettings, DataSettings, curate, read_pairs

SHARE = 0.05
SEEDS = (1, 2, 3)


def swapped(pairs: pl.DataFrame, partners: Iterator[tuple[int, int]], wanted: int) -> tuple[pl.DataFrame, set[str]]:
    """The pairs with the outputs of some rows exchanged, and the ids of these."""
    inputs, outputs, ids = pairs["input"].to_list(), pairs["output"].to_list(), pairs["id"].to_list()
    taken: set[int] = set()
    for one, other in partners:
        new = not taken & {one, other} and one != other
        if new and inputs[one] != inputs[other] and outputs[one] != outputs[other]:
            outputs[one], outputs[other] = outputs[other], outputs[one]
            taken |= {one, other}
        if len(taken) >= wanted:
            break
    return pairs.with_columns(output=pl.Series(outputs)), {ids[row] for row in taken}


def any_partners(n: int, seed: int) -> Iterator[tuple[int, int]]:
    draw = random.Random(seed)
    while True:
        yield draw.randrange(n), draw.randrange(n)


def nearest_partners(inputs: list[str], seed: int) -> Iterator[tuple[int, int]]:
    """Rows in any order, each with the one whose different request is most similar."""
    table = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit_transform(inputs)
    for row in random.Random(seed).sample(range(len(inputs)), len(inputs)):
        similarity = np.asarray((table[row] @ table.T).todense()).ravel()
        similarity[[at for at in np.flatnonzero(similarity > 0.999).tolist() if inputs[at] == inputs[row]]] = -1
        yield row, int(similarity.argmax())


def curated(pairs: pl.DataFrame, *, search: bool = True) -> tuple[Curated, float]:
    """The curated pairs, and the processor seconds that it took."""
    started, settings = time.process_time(), CurateSettings(mispaired=search)
    done = curate(pairs.select("id", "input", "output"), settings=settings, input="input", output="output", id="id")
    return done, time.process_time() - started


def listed(done: Curated, swaps: set[str]) -> tuple[float, float]:
    """The shares of the swapped and of the clean rows that are listed, among those that are kept."""
    kept = done.ledger.filter(outcome="kept").select("id", found=(pl.col("rule") == MISPAIRED).fill_null(False))
    wrong = kept["id"].is_in(list(swaps))
    shares = [kept["found"].filter(which).mean() for which in (wrong, ~wrong)]
    return tuple(float(share or 0) for share in shares)  # type: ignore[arg-type,return-value]


def measure(file: Path, inputs: list[str], output: str) -> str:
    settings = DataSettings(path="", input=inputs[0] if len(inputs) == 1 else tuple(inputs), output=output)
    pairs = read_pairs(file, settings).pairs.with_columns(id=pl.int_range(pl.len()).cast(pl.String))
    wanted = int(SHARE * len(pairs))
    _, before = curated(pairs, search=False)
    clean, after = curated(pairs)
    found, alarms = [], []
    for seed in SEEDS:
        planted, swaps = swapped(pairs, any_partners(len(pairs), seed), wanted)
        one, other = listed(curated(planted)[0], swaps)
        found.append(one)
        alarms.append(other)
    planted, swaps = swapped(pairs, nearest_partners(pairs["input"].to_list(), 1), wanted)
    near, _ = listed(curated(planted)[0], swaps)
    search = clean.curation.mispaired
    assert search is not None
    cells = [
        file.stem if file.stem not in ("pairs", "products") else file.parent.name, f"{len(pairs):,}", f"{search.recall:.1%}",
        f"{statistics.mean(found):.1%} ({min(found):.1%} to {max(found):.1%})", f"{statistics.mean(alarms):.2%}", f"{near:.1%}",
        f"{search.rows:,}", f"{after - before:.1f} of {after:.1f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("sets", nargs="+", metavar="FILE:INPUT[,INPUT...]:OUTPUT")
    print("| set | pairs | estimated | random swaps found | clean rows listed beside them | nearest swaps found | listed of "
          "the set as it is | seconds |\n|---|---:|---:|---:|---:|---:|---:|---:|")  # fmt: skip
    for stated in options.parse_args().sets:
        file, inputs, output = stated.rsplit(":", 2)
        print(measure(Path(file), inputs.split(","), output), flush=True)


if __name__ == "__main__":
    main()
