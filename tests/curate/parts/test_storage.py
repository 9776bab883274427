"""Tables come back as they were stored; what is half-written, cut short or refused is nothing or one clear error."""

import pickle
import resource
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tuneworth.core import ConfigError, RunBroken
from tuneworth.curate import open_storage
from tuneworth.curate.parts.storage import Storage

TEXTS = pl.DataFrame({"row": [3, 1, 2], "text": ["größer\n", "", None], "marks": [["a"], [], None]})


@pytest.fixture(params=["folder", "file URL", "memory URL"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    places = {"folder": tmp_path / "a", "file URL": f"file://{tmp_path}/b", "memory URL": f"memory://{tmp_path}"}
    return open_storage(places[request.param])


def _loaded(storage: Storage, *arguments: object, **settings: object) -> pl.DataFrame:
    found = storage.load(*arguments, **settings)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_table_comes_back_as_it_was_with_its_note(storage: Storage) -> None:
    storage.store("read", 7, {"texts": TEXTS}, note={"skipped": 2}, rows_read=9)
    assert_frame_equal(_loaded(storage, "read", 7, "texts"), TEXTS)
    assert _loaded(storage, "read", 7, "texts", columns=["text"]).columns == ["text"]
    assert storage.load("read", 7, "others") is None
    done = storage.find("read", 7)
    assert done is not None
    assert (done.note, done.rows, done.tables["texts"].rows) == ({"skipped": 2}, 9, 3)


def test_a_storage_that_was_pickled_reads_the_same(storage: Storage) -> None:
    storage.within("jobs/one").store("read", 0, {"texts": TEXTS})
    sent = pickle.loads(pickle.dumps(storage.within("jobs/one")))
    assert_frame_equal(_loaded(sent, "read", 0, "texts"), TEXTS)


@given(buckets=st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 3), max_size=40))
def test_buckets_together_are_the_table_and_each_is_its_rows_in_order(
    tmp_path_factory: pytest.TempPathFactory, buckets: list[int]
) -> None:
    storage = open_storage(tmp_path_factory.mktemp("buckets"))
    frame = pl.DataFrame({"bucket": buckets, "row": range(len(buckets))}, schema={"bucket": pl.UInt32, "row": pl.Int64})
    storage.store("spread", 0, {"rows": frame})
    assert_frame_equal(_loaded(storage, "spread", 0, "rows"), frame.sort("bucket", maintain_order=True))
    for bucket in {*buckets, 0, 99}:
        assert_frame_equal(
            _loaded(storage, "spread", 0, "rows", bucket=bucket), frame.filter(pl.col("bucket") == bucket)
        )


def test_the_rows_of_a_bucket_keep_their_order_in_a_large_table(tmp_path: Path) -> None:
    frame = pl.select(row=pl.int_range(300_000)).with_columns(bucket=(pl.col("row") * 31 % 3).cast(pl.UInt32))
    open_storage(tmp_path).store("spread", 0, {"rows": frame})
    for bucket in range(3):
        assert _loaded(open_storage(tmp_path), "spread", 0, "rows", bucket=bucket)["row"].is_sorted()


def test_a_bucket_is_read_without_the_others(storage: Storage) -> None:
    frame = pl.DataFrame({"bucket": pl.Series([1, 2], dtype=pl.UInt32), "text": ["wanted", "other " * 1000]})
    table = storage.store("spread", 0, {"rows": frame}).tables["rows"]
    (piece,) = [piece for piece in table.pieces if piece.bucket == 2]
    path = f"spread/00000/{table.file}"
    whole = storage.files.read(path)
    storage.files.write(path, whole[: piece.start] + b"\0" * piece.length)
    assert _loaded(storage, "spread", 0, "rows", bucket=1)["text"].to_list() == ["wanted"]
    with pytest.raises(RunBroken, match="is damaged"):
        storage.load("spread", 0, "rows", bucket=2)


def test_rows_without_a_bucket_are_a_programming_error(tmp_path: Path) -> None:
    frame = pl.DataFrame({"bucket": pl.Series([1, None], dtype=pl.UInt32)})
    with pytest.raises(ValueError, match="1 rows have no bucket"):
        open_storage(tmp_path).store("spread", 0, {"rows": frame})


def test_tables_without_their_done_count_as_nothing(storage: Storage) -> None:
    storage.store("read", 0, {"texts": TEXTS})
    storage.files.remove("read/00000/done.json")
    assert storage.find("read", 0) is None
    with pytest.raises(RunBroken, match=r"part 0 of stage read is missing\nRun the same command again"):
        storage.load("read", 0, "texts")


@pytest.mark.parametrize("written", [b"", b'{"tables": {', b"[]", b'{"tables": {"a": {}}}', b"\xff", b"[" * 100_000])
def test_a_done_that_is_not_whole_counts_as_nothing(storage: Storage, written: bytes) -> None:
    storage.store("read", 0, {"texts": TEXTS})
    storage.files.write("read/00000/done.json", written)
    assert storage.find("read", 0) is None


def test_a_table_cut_short_or_gone_is_done_anew_and_said_where_it_is_read(storage: Storage) -> None:
    file = f"read/00000/{storage.store('read', 0, {'texts': TEXTS}).tables['texts'].file}"
    storage.files.write(file, storage.files.read(file)[:-20])
    assert storage.find("read", 0) is None
    with pytest.raises(RunBroken, match=r"(?s)read/00000/texts\..*is damaged.*\nDelete .*read/00000 and run"):
        storage.load("read", 0, "texts")
    storage.files.remove(file)
    assert storage.find("read", 0) is None
    with pytest.raises(RunBroken, match="is missing"):
        storage.load("read", 0, "texts")


def test_two_writers_of_a_part_leave_one_of_them_whole(storage: Storage) -> None:
    first = storage.store("read", 0, {"a": TEXTS, "b": TEXTS})
    second = storage.store("read", 0, {"a": TEXTS.head(1), "b": TEXTS.head(1)})
    assert {t.file for t in first.tables.values()}.isdisjoint(t.file for t in second.tables.values())
    assert [_loaded(storage, "read", 0, name).height for name in "ab"] == [1, 1]


def test_what_is_removed_is_gone(storage: Storage) -> None:
    storage.within("jobs/one").store("read", 0, {"texts": TEXTS})
    storage.within("jobs/one").remove("")
    storage.within("jobs/one").remove("")
    assert storage.within("jobs/one").find("read", 0) is None


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunBroken, match=r"the storage failed at .*file/read/00000: .*\nCheck free space, permissions"):
        open_storage(tmp_path / "file").store("read", 0, {"texts": TEXTS})


def test_a_disk_that_takes_no_more_leaves_no_part(tmp_path: Path) -> None:
    large = pl.select(number=pl.int_range(200_000).shuffle(seed=1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(RunBroken, match=r"the storage failed at .*read/00000: .*File too large"):
            open_storage(tmp_path).store("read", 0, {"texts": TEXTS, "large": large})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert open_storage(tmp_path).find("read", 0) is None
    assert [path.name for path in tmp_path.rglob("*.part")] == []


def test_a_url_whose_package_is_missing_says_how_to_install_it() -> None:
    with pytest.raises(ConfigError, match=r"the package for gs:// is not installed\n.*pip install gcsfs"):
        open_storage("gs://bucket/folder")
    with pytest.raises(ConfigError, match=r"nosuch://bucket: Protocol not known"):
        open_storage("nosuch://bucket")


def test_a_removed_folder_leaves_no_empty_folder_above_it(tmp_path):
    (tmp_path / "other").mkdir()
    storage = open_storage(tmp_path)
    one, other = storage.within("jobs/one"), storage.within("jobs/other")
    for own in (one, other):
        own.write_json("x.json", 1)
    one.remove("")
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == ["other"]
    other.remove("")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
