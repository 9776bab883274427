"""Facts: what must be equal before two alike texts are the same."""

import json

import pytest

from tuneworth.curate.check.facts import field_facts, text_facts
from tuneworth.curate.read.normal_forms import clean_text, content_hash, normalise

LONG = "a voltage regulator made for use in cars with "


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("30V", "30 V"),
        ("30V", "30v"),
        ("4.5-24V", "4.5-24 V"),
        ("10 %", "10%"),
        ("25 °C", "25°C"),
        ("5 mA, quiet", "quiet 5 mA"),
        ("(5V)", "5V."),
        ("LDO inside", "inside LDO"),
        ("PDFs", "one PDF"),
        ("an USB-Gerät", "one USB device"),
        ("an SD-Karte", "an SD card"),
        ("eine E-Mail-Adresse", "an address"),
        ("the E2E-Schlüssel", "the E2E key"),
        ("at '7 to 12'", 'at "7" to 12'),
    ],
)
def test_the_same_facts_may_be_written_in_two_ways(one, other):
    assert text_facts(LONG + one) == text_facts(LONG + other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2.5 V", "3.3 V"),
        ("-5V", "5V"),
        ("SOT-23", "SOT-24"),
        ("USB", "CAN"),
        ("5V", "5A"),
        ("1,5 V", "15 V"),
        ("LM317", "LM317A"),
    ],
)
def test_other_numbers_units_and_codes_are_other_facts(one, other):
    assert text_facts(LONG + one) != text_facts(LONG + other)


def test_a_label_is_its_own_only_fact():
    assert text_facts("Very  GOOD") == {"very good"} != text_facts("very bad")
    assert text_facts("Yes!") == text_facts("yes")
    assert text_facts("?") != text_facts("!")


def test_a_longer_text_is_no_label_where_only_few_words_make_one():
    assert text_facts("Have a nice day", label_words=2) == text_facts("Enjoy your day", label_words=2) == set()
    assert text_facts("not bad", label_words=2) == {"not bad"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("three doors", "3 doors"),
        ("twenty-one chairs", "21 chairs"),
        ("three hours", "3 hours"),
        ("52 EUR", "52.00 EUR"),
        ("for £20.The", "for £20. The"),
        ("5The end", "5 The end"),
        ("<b>5</b> V", "5 V"),
        ("it IS OK", "it is ok"),
        ("95040.0.", "95040."),
        ("2,439 seats", "2439.0 seats"),
        ("4.6 metres", "4.6m"),
        ("6603633000.0 kilometres", "6603633000.0 km"),
        ("on March 1st 2001", "on 1 March 2001"),
        ("in the U.S.", "in the US"),
        ('{"a": 5, "b": "x"}', '{"b": "x", "a": 5.0}'),
    ],
)
def test_a_number_may_be_written_in_several_ways(one, other):
    if one.startswith("{"):
        assert text_facts(one) == text_facts(other)
    else:
        assert text_facts(LONG + one) == text_facts(LONG + other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("where a < 5 and b", "where a > 5 and b"),
        ("three doors", "four doors"),
        ("version 3.10", "version 3.1"),
        ("1,5 V", "15 V"),
        ("1,500 V", "1,501 V"),
        ("5 metres", "5 kilometres"),
        ("name[The Eagle], food[French], size[2]", "name[The Eagle], food[Indian], size[2]"),
        ("Colour: red\nMade for: cars in the rain at night", "Colour: blue\nMade for: cars in the rain at night"),
    ],
)
def test_other_numbers_comparisons_and_fields_are_other_facts(one, other):
    if "[" in one or ":" in one:
        assert text_facts(one) != text_facts(other)
    else:
        assert text_facts(LONG + one) != text_facts(LONG + other)


def test_the_facts_of_a_long_field_in_a_text_are_those_of_its_value():
    one, other = (f"Colour: red\nText: a chair made {how} hand, for all of them" for how in ("by", "with a"))
    assert text_facts(one) == text_facts(other) == {"colour\0red"}


def test_the_facts_of_fields_are_their_values_without_identifiers():
    one, other = {"part": "A1", "pins": [1, 2], "none": None}, {"pins": [1, 2], "part": "B2", "empty": ""}
    facts = [field_facts(json.dumps(fields), leave_out=("part",)) for fields in (one, other)]
    assert facts[0] == facts[1] != field_facts(json.dumps(one))


def test_normalised_text_has_no_case_no_forms_and_single_spaces():
    assert normalise("  Ｆｕｌｌ\u00a0 Straße\t\n1 ") == "full strasse 1"


def test_lone_surrogates_become_a_mark_and_other_text_stays():
    assert clean_text("a\ud800b") == "a\ufffd\ufffd\ufffdb".replace("\ufffd\ufffd\ufffd", "\ufffd" * 3)
    assert clean_text("é\x00") == "é\x00"


def test_hashes_tell_where_one_part_ends():
    assert (
        len({content_hash("ab", "c"), content_hash("a", "bc"), content_hash("abc", None), content_hash("abc", "")}) == 4
    )
