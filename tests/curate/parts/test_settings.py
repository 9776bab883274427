"""`[cluster]` is read with its ranges; each wrong value is named."""

from pathlib import Path

import pytest

from tuneworth.curate import ClusterSettings


@pytest.mark.parametrize(
    ("size", "found"), [("2 GB", 2 * 10**9), ("512MiB", 2**29), ("1.5 gb", 1_500_000_000), (2**30, 2**30), (None, None)]
)
def test_memory_is_a_size_in_words_or_bytes(size: str | int | None, found: int | None) -> None:
    assert ClusterSettings(memory_per_task=size).memory_bytes == found


@pytest.mark.parametrize(
    "address", ["auto", "local", "processes", "ray://head:10001", "10.0.0.4:6379", "head.example:6379"]
)
def test_an_address_is_a_word_or_a_host_with_its_port(address: str) -> None:
    assert ClusterSettings(address=address).on_ray == (address != "processes")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"address": "head"},
            'address must be "auto", "local", "processes", "ray://host:port" or "host:port", found "h',
        ),
        ({"address": "head:99999"}, "address must be"),
        ({"memory_per_task": "much"}, 'memory_per_task must be a size such as "2 GB", found "much"'),
        ({"memory_per_task": 5}, 'memory_per_task must be at least "16 MiB", found 5'),
        ({"partitions": 0}, "partitions must be from 1 to 100,000, found 0"),
        ({"workers": -1}, "workers must be from 1 to 100,000, found -1"),
        ({"storage": " "}, "storage is empty"),
        ({"partitions": "many"}, 'partitions must be a whole number, found "many"'),
    ],
)
def test_a_value_out_of_its_range_is_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        ClusterSettings(**wrong)  # type: ignore[arg-type]


def test_parts_are_four_per_core_where_none_are_stated() -> None:
    assert ClusterSettings().parts(8) == 32
    assert ClusterSettings(partitions=5).parts(8) == 5


def test_a_folder_counts_from_the_projects_and_a_url_stands_as_it_is() -> None:
    assert ClusterSettings().place(Path("/data/project")) == Path("/data/project/runs")
    assert ClusterSettings(storage="s3://bucket/runs").place(Path("/data/project")) == "s3://bucket/runs"
