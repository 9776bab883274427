"""A plan by a sample: what is drawn, how pairs are counted, and that a larger real curating takes what was said."""

import gzip
import importlib.util
import random
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from tuneworth.core import DataError
from tuneworth.curate import (
    EXACT_WORK,
    CurateRequest,
    CurateSettings,
    DataSettings,
    Drawn,
    Measured,
    Room,
    draw_sample,
    measure_sample,
    plan,
    read_pairs,
)
from tuneworth.curate.match import candidates as candidates_module
from tuneworth.curate.plan.measure import Search
from tuneworth.curate.plan.sizes import drawn_pairs

GENERATED = Path(__file__).parents[3] / "benchmarks" / "generated.py"
ROOM = Room(4, 16e9)


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated_pairs", GENERATED)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def rows_of(drawn: Drawn) -> list[str]:
    """The outputs, which differ; ids that repeat would be told apart."""
    return read_pairs(drawn.folder, drawn.data).pairs["output"].to_list()


def measured(**changed: Any) -> Measured:
    """A sample of 20,000 rows with round numbers."""
    plain = Measured(
        rows=20_000, seconds={"read": 1.0, "measure": 2.0, "similar 0.8-bands": 2.0, "similar 0.8-verify": 1.0},
        searches=[Search("inputs", 1_000_000, 2_000_000)], driver_seconds=1.0,
        stored={"measure": 10_000_000, "similar 0.8-verify": 10_000}, written=5_000_000, repeats=200, near=100, within=100,
        between=400, met=600, repeats_within=50, repeats_between=150,
        largest_bucket=5, capped=0, work={"inputs": 4_000_000}, candidates={"inputs": 300_000.0},
        characters={"inputs": 3_000_000},
        distinct=19_000, text_bytes=5_000_000, input_characters=170.0, output_characters=80.0, driver_bytes=3_500_000,
    )  # fmt: skip
    return replace(plain, **changed)


QUARTER = measured(rows=5_000, repeats=20, near=10, within=25, between=25, work={"inputs": 500_000})


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jsonl", "parquet", "csv", "jsonl.gz", "json"])
def test_a_sample_has_each_row_once_and_tells_how_many_there_are(tmp_path: Path, kind: str) -> None:
    table = pl.DataFrame(
        {
            "id": [f"r{n}" for n in range(30_000)],
            "input": [f"what is {n}?" + " why" * (n % 7) for n in range(30_000)],
            "output": [f"it is {n}" for n in range(30_000)],
        }
    )
    files = [tmp_path / f"data-{k}.{kind}" for k in range(2)]
    for k, path in enumerate(files):
        half = table[k * 15_000 : (k + 1) * 15_000]
        if kind == "parquet":
            half.write_parquet(path)
        elif kind == "csv":
            half.write_csv(path)
        elif kind == "json":
            half.write_json(path)
        else:
            data = half.write_ndjson().encode()
            path.write_bytes(gzip.compress(data) if kind == "jsonl.gz" else data)
    drawn = draw_sample(files, DataSettings(path=""), tmp_path / "drawn", most=4_000, seed=3)
    found = rows_of(drawn)
    assert len(found) == len(set(found)) == sum(drawn.blocks)
    assert set(found) <= set(table["output"])
    assert 3_000 <= len(found) <= 4_000
    assert abs(drawn.rows - 30_000) <= (0 if kind == "parquet" else 3_000)
    assert drawn.exact == (kind == "parquet")
    assert drawn.beginnings == (0 if kind in ("jsonl", "parquet") else 2)
    if kind in ("jsonl", "parquet"):  # from all over
        assert max(int(name.split()[-1]) for name in found) > 28_000
        again = draw_sample(files, DataSettings(path=""), tmp_path / "again", most=4_000, seed=3)
        other = draw_sample(files, DataSettings(path=""), tmp_path / "other", most=4_000, seed=4)
        assert rows_of(again) == found
        assert rows_of(other) != found


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_blocks_that_stand_close_together_share_no_row(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"data.{kind}"
    table = pl.DataFrame({"id": [f"r{n}" for n in range(6_000)], "input": ["a question"] * 6_000})
    table = table.with_columns(output=pl.col("id") + pl.col("input"))
    path.write_bytes(table.write_ndjson().encode()) if kind == "jsonl" else table.write_parquet(path)
    found = rows_of(draw_sample([path], DataSettings(path=""), tmp_path / "drawn", most=5_750, seed=0))
    assert len(found) == len(set(found)) > 4_500


def test_data_smaller_than_a_sample_are_taken_whole(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"".join(b'{"input": "i%d", "output": "o%d"}\n\n' % (n, n) for n in range(300)))
    drawn = draw_sample([path], DataSettings(path=""), tmp_path / "drawn", most=1_000, seed=0)
    assert (drawn.whole, drawn.exact, drawn.rows, drawn.blocks) == (True, True, 300, [300])


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"pairs\.parquet.*(?i:parquet)"):
        draw_sample([path], DataSettings(path=""), tmp_path / "drawn", most=1_000, seed=0)


@pytest.mark.parametrize("near", [1, 20_000])
def test_weighted_pairs_of_blocks_are_those_of_all_rows_on_average(near: int) -> None:
    rows, block, count = 20_000, 100, 40
    chance = random.Random(1)
    left = [chance.randrange(rows) for _ in range(5_000)]
    pairs = [(a, (a + 1 + chance.randrange(near)) % rows) for a in left]
    guesses, inside = [], 0
    for _ in range(60):
        drawn = set(chance.sample(range(rows // block), count))
        seen = [(a // block, b // block) for a, b in pairs if a // block in drawn and b // block in drawn]
        within = sum(a == b for a, b in seen)
        found = drawn_pairs(within, len(seen) - within, times=rows / (block * count))
        guesses.append(found.middle)
        inside += found.low <= len(pairs) <= found.high
    assert abs(sum(guesses) / len(guesses) - len(pairs)) < 0.1 * len(pairs)
    assert inside >= 30  # neighbours come in blocks, so pairs are not drawn independently


def test_where_no_pair_was_seen_there_may_be_some() -> None:
    found = drawn_pairs(0, 0, times=100)
    assert (found.low, found.middle) == (0, 0)
    assert found.high == 3 * 100 + 3 * 100**2


def test_a_plan_grows_with_the_rows_as_its_parts_do() -> None:
    small, large = (plan(QUARTER, measured(), rows, ROOM, partitions=16) for rows in (2_000_000, 20_000_000))
    assert small.growth is not None
    assert 1 < small.growth < 2
    assert large.stage_seconds["measure"] == pytest.approx(10 * small.stage_seconds["measure"])
    assert large.driver_seconds.middle == pytest.approx(10 * small.driver_seconds.middle)
    searches = large.stage_seconds["exact searches"] / small.stage_seconds["exact searches"]
    assert 30 < searches <= 100  # blocks against blocks
    assert large.driver_memory - small.driver_memory == pytest.approx(9 * (small.driver_memory - 200e6))
    assert [small.method, large.method] == ["exact", "candidates"]
    for each in (small, large):
        assert each.seconds.low < each.seconds.middle < each.seconds.high
        assert each.near_share.low <= each.near_share.middle <= each.near_share.high < 1


def test_all_rows_seen_leave_nothing_to_guess() -> None:
    found = plan(measured(), measured(), 20_000, ROOM)
    assert (found.alike_pairs.low, found.alike_pairs.high) == (500, 500)
    assert (found.repeat_share.low, found.repeat_share.high) == (0.01, 0.01)
    assert found.advice == "one machine"


@pytest.mark.parametrize(
    ("rows", "room", "advice"),
    [
        (1_000_000, Room(4, 16e9), "one machine"),
        (10_000_000, Room(16, 64e9), "processes"),
        (100_000_000, Room(256, 64e9), "ray"),
    ],
)
def test_the_least_that_does_it_is_advised(rows: int, room: Room, advice: str) -> None:
    found = plan(QUARTER, measured(), rows, room)
    assert found.advice == advice
    assert found.partitions >= 4 * room.cores


def test_exact_and_candidates_part_where_curating_parts_them() -> None:
    assert candidates_module._EXACT_WORK == EXACT_WORK


@pytest.mark.slow(15)  # 14,000 rows are curated
@pytest.mark.parametrize("variety", ["products", "templated"])
def test_a_larger_curating_takes_what_its_sample_said(tmp_path: Path, generated: ModuleType, variety: Any) -> None:
    made = generated.Generated(14_000, variety)
    files = generated.write_generated(tmp_path / "data", made, rows_per_file=4_000)
    asked = CurateRequest(None, CurateSettings())
    found = []
    for name, most in (("quarter", 600), ("whole", 2_400), ("all", 28_000)):
        drawn = draw_sample(files, DataSettings(path=""), tmp_path / name, most=most, seed=0)
        found.append((drawn, measure_sample(drawn.data, asked, drawn.blocks, tmp_path / "work", seed=0)))
    (_, quarter), (drawn, whole), (_, real) = found
    said = plan(quarter, whole, drawn.rows, Room(1, 16e9), partitions=4)
    assert real.rows == 14_000
    assert abs(said.rows - 14_000) < 1_400
    stored = sum(real.stored.values()) + real.written
    assert stored / 2 < said.storage < stored * 2
    assert said.alike_pairs.low / 2 < real.within + real.between < said.alike_pairs.high * 2
    assert said.near_share.low <= (real.near / 14_000) <= said.near_share.high
    assert not (tmp_path / "work").exists()
