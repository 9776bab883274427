"""`check_data`: from a table in memory, with results that print themselves."""

from html import unescape

import polars as pl
import pytest

from tuneworth.core import ConfigError, DataError
from tuneworth.project import check_data

from ..curate.test_checkup import rows


@pytest.mark.slow
def test_a_table_and_an_iterator_give_what_a_list_gives():
    table = rows(60)
    listed = check_data(table)
    assert listed.checkup == check_data(pl.DataFrame(table)).checkup == check_data(iter(table)).checkup
    assert listed.checkup.proposed == {"input": "*", "output": "text"}
    assert listed.command.startswith("tuneworth curate FILE --input '*' --output text")


@pytest.mark.slow
def test_the_result_prints_its_findings():
    checked = check_data(rows(60), input=("name", "kind"), output="text")
    assert repr(checked).startswith("60 rows read, 60 pairs: ")
    assert "- In 100% of the rows (60) the output states numbers" in repr(checked)
    page = checked._repr_html_()
    assert "<strong>60 rows read, 60 pairs: " in page
    assert all(finding.title in unescape(page) for finding in checked.checkup.findings)
    assert f"Next: {checked.command}" in unescape(page)


def test_what_is_wrong_is_said():
    with pytest.raises(ConfigError, match="delimiter"):
        check_data(rows(3), delimiter="::")
    with pytest.raises(DataError, match='no column "nmae"'):
        check_data(rows(3), input="nmae", output="text")
    with pytest.raises(ConfigError, match="part"):
        check_data(rows(3), input=("name", "kind"), output="text", identifiers=["part"])
