"""Finds similar distinct inputs with DuckDB, out of core: from files to pairs in SQL.

Run by `cluster.py`; alone, `python benchmarks/cluster_duckdb.py FOLDER OUT.parquet` prints its results as JSON.

The method is the project's: normalised inputs, distinct by content, sets of character 5-grams, MinHash signatures cut
into 25 bands of 5, pairs that meet in a band, each verified exactly at 0.8. Where DuckDB differs: it normalises by
`lower(nfc_normalize(...))` (NFKC and case folding have no SQL), so the texts are the same only if these agree, as they do
on the generated pairs; its hash functions differ, so its candidates differ a little; a set's grams are 64-bit hashes,
not numbers. It only finds pairs: no checks, personal data or facts, no distinction of duplicates, conflicts and
siblings, no components, split, certificate, ledger or files of pairs, and no resuming after a kill.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

__all__ = ["check_pairs", "duckdb_pairs"]

_BANDS, _ROWS = 25, 5  # as the project cuts a signature at 0.8: 99.995% of pairs at the threshold meet
_SEED = 1
_SLICE = 100_000  # texts signed by one statement: 125 minima of each are held at once
_CHECKED = 200_000  # candidates verified again
_WORDS = 4  # of 64 bits: a sketch
_DIFFERENT_BITS = " + ".join(f"bit_count(xor(one.s{k}, two.s{k}))" for k in range(_WORDS))
_COLUMNS = "{id: 'VARCHAR', input: 'VARCHAR', output: 'VARCHAR'}"


def duckdb_pairs(
    folder: Path, out: Path, *, memory: str = "2GB", threads: int = 2, keep_candidates: bool = False
) -> dict[str, float]:
    """Write the pairs (columns a, b: the first row of each text, a < b) to `out`; returns seconds by step and counts.

    keep_candidates: the pairs that were verified go to `out` with the suffix .candidates.parquet, and the texts to
    .texts.parquet, which is what a check of the verification needs.
    """
    told: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=out.parent) as temporary, duckdb.connect(f"{temporary}/peer.duckdb") as base:
        base.execute(
            f"SET memory_limit = '{memory}'; SET threads = {threads}; SET temp_directory = '{temporary}/spill'"
        )
        base.execute("SET preserve_insertion_order = false; SET enable_progress_bar = false")
        for step, statement in _statements(folder, out).items():
            started = time.perf_counter()
            slices = 1 + _count(base, "texts") // _SLICE if "{slice}" in statement else 1
            for own in range(slices):
                base.execute(statement.replace("{slice}", f"row % {slices} = {own}"))
            told[step] = round(time.perf_counter() - started, 3)
        told |= {
            f"{table}_rows": _count(base, table) for table in ("pairs_in", "texts", "candidates", "close", "verified")
        }
        if keep_candidates:
            base.execute(f"COPY candidates TO '{out.with_suffix('.candidates.parquet')}'")
            base.execute(f"COPY texts TO '{out.with_suffix('.texts.parquet')}'")
    return told


def _statements(folder: Path, out: Path) -> dict[str, str]:
    files = f"{folder}/*.parquet" if list(folder.glob("*.parquet")) else f"{folder}/*.jsonl"
    source = f"'{files}'"
    read = f"read_parquet({source})" if files.endswith("parquet") else f"read_ndjson({source}, columns = {_COLUMNS})"
    return {
        "read": f"""
            CREATE TABLE pairs_in AS
            SELECT id::BIGINT AS row, trim(regexp_replace(lower(nfc_normalize(input)), '\\s+', ' ', 'g')) AS text
            FROM {read}""",
        "distinct": "CREATE TABLE texts AS SELECT min(row) AS row, text FROM pairs_in GROUP BY text",
        # Five characters from each place; a shorter text is its own only gram.
        "grams": """
            CREATE TABLE sets AS
            SELECT row, list_distinct(list_transform(
                range(1, greatest(length(text) - 3, 2)), lambda i: hash(substr(text, i, 5)))) AS grams
            FROM texts""",
        "bands": "CREATE TABLE bands (row BIGINT, band BIGINT, key UBIGINT)",
        "signatures": f"INSERT INTO bands {_band_keys()}",
        "sketches": f"CREATE TABLE sketches AS {_sketches()}",
        "candidates": """
            CREATE TABLE candidates AS
            SELECT DISTINCT one.row AS a, two.row AS b
            FROM bands AS one JOIN bands AS two ON one.band = two.band AND one.key = two.key AND one.row < two.row""",
        # Sets differ in at least as many grams as their sketches in bits, and in at most a ninth of the sum of their
        # sizes where shared / union >= 4 / 5: what differs in more bits is left out without a look at its grams.
        "leave out": f"""
            CREATE TABLE close AS
            SELECT a, b FROM candidates JOIN sketches AS one ON one.row = a JOIN sketches AS two ON two.row = b
            WHERE 9 * ({_DIFFERENT_BITS}) <= one.size + two.size""",
        # Whole numbers, without a division.
        "verify": """
            CREATE TABLE verified AS
            SELECT a, b FROM (
                SELECT a, b, len(one.grams) + len(two.grams) AS total,
                       len(list_intersect(one.grams, two.grams)) AS shared
                FROM close JOIN sets AS one ON one.row = a JOIN sets AS two ON two.row = b)
            WHERE 5 * shared >= 4 * (total - shared)""",
        "write": f"COPY (FROM verified ORDER BY a, b) TO '{out}'",
    }


def check_pairs(out: Path) -> dict[str, int]:
    """A comparison of the pairs in `out` with the exact join of the same texts, and with their candidates.

    exact: pairs of the exact join; missed: those not found; beyond: other pairs found; checked, wrong: candidates
    verified again with Python sets, and those with a different result.
    """
    from tuneworth.curate.match.join import similar_pairs
    from tuneworth.curate.match.ngrams import gram_sets

    texts = pl.read_parquet(out.with_suffix(".texts.parquet")).sort("row")
    rows = texts["row"].to_numpy()
    exact = similar_pairs(gram_sets(texts["text"].to_list()), 0.8)
    known = set(zip(rows[exact.left].tolist(), rows[exact.right].tolist(), strict=True))
    found = set(pl.read_parquet(out).iter_rows())
    candidates = pl.read_parquet(out.with_suffix(".candidates.parquet"))
    some = candidates.sample(min(_CHECKED, len(candidates)), seed=_SEED).rows()
    known_texts = dict(texts.select("row", "text").iter_rows())
    kept = {(a, b) for a, b in some if _similar(known_texts[a], known_texts[b])}
    told = {"exact": len(known), "missed": len(known - found), "beyond": len(found - known)}
    return told | {"checked": len(some), "wrong": len(kept ^ found.intersection(some))}


def _similar(a: str, b: str) -> bool:
    one, two = ({text[i : i + 5] for i in range(max(1, len(text) - 4))} for text in (a, b))
    return 5 * len(one & two) >= 4 * len(one | two)


def _band_keys() -> str:
    """One row per text and band: the hash of the band's five minima."""
    draws = np.random.default_rng(_SEED).integers(1, 2**63, (_BANDS, _ROWS)).tolist()
    keys = ["hash(" + ", ".join(f"min(hash(xor(gram, {draw}::UBIGINT)))" for draw in band) + ")" for band in draws]
    return f"""
        SELECT row, unnest(range({_BANDS})) AS band, unnest(keys) AS key
        FROM (SELECT row, [{", ".join(keys)}] AS keys
              FROM (SELECT row, unnest(grams) AS gram FROM sets WHERE {{slice}}) GROUP BY row)"""


def _sketches() -> str:
    """The parity of how many of a set's grams fall on each of 256 bits, named by a gram's top 8 bits."""
    words = [
        f"bit_xor(CASE WHEN gram >> 62 = {k} THEN 1::UBIGINT << ((gram >> 56) & 63) ELSE 0::UBIGINT END) AS s{k}"
        for k in range(_WORDS)
    ]
    return f"""
        SELECT row, count(*) AS size, {", ".join(words)}
        FROM (SELECT row, unnest(grams) AS gram FROM sets) GROUP BY row"""


def _count(base: duckdb.DuckDBPyConnection, table: str) -> int:
    found = base.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert found is not None  # a count has a row
    return int(found[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep-candidates", action="store_true")
    options = parser.parse_args()
    told = duckdb_pairs(
        options.folder, options.out, memory=options.memory, threads=options.threads,
        keep_candidates=options.keep_candidates,
    )  # fmt: skip
    print(json.dumps(told))


if __name__ == "__main__":
    main()
