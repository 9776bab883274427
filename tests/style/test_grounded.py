"""What an output states and its request does not: numbers with units, dates, codes, names, and the places of them."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style import check_outputs, explain, parse_style

EVERY = "{kind: grounded, facts: [numbers, codes, names]}"


def ungrounded(output: str, request: str, check: str = "{kind: grounded}") -> list[str]:
    """What the check finds in one output."""
    pairs = pl.DataFrame({"output": [output], "input": [request]})
    return check_outputs(pairs, parse_style(f"checks: [{check}]")).violations["found"].to_list()


STATED = [
    # units: spelling, prefixes by exact value
    ("30V", "30 V"),
    ("30 Volts", "30V"),
    ("0.03 kV", "30 V"),
    ("1 A", "1000 mA"),
    ("4700 Ohm", "4.7 kΩ"),
    ("4k7", "4.7 kΩ"),
    ("4.7kohms", "4k7"),
    ("3V3 supply", "3.3 V"),
    ("0.1 µF", "100nF"),
    ("10uA", "10 μA"),
    ("1.5 hours", "90 min"),
    ("80 kph", "80 km/h"),
    ("5 mg per kg", "5 mg/kg"),
    ("2048 MiB", "2 GiB"),
    ("750 ml", "7.5 dl"),
    ("2.5 mm2", "2.5 mm²"),
    ("15-inch", '15"'),
    ("24Vin", "24 V"),
    ("a 2.5 mm pitch", ".0025 m"),
    ("38.5 degrees Celsius", "38,5°C"),
    ("350F", "350 °F"),
    ("66 per cent", "66%"),
    # ranges, dimensions, signs
    ("2.7 V to 5.5 V", "2.7-5.5V"),
    ("2.7-5.5V", "2.7 to 5.5 V"),
    ("-40 °C, 85°C", "-40…+85 °C"),
    ("+15 V and -15 V", "±15V"),
    ("±15V", "15 V"),
    ("-5 V", "5 V"),
    ("5V", "-5 V"),
    ("3 - 18 V", "3-18V"),
    ("160 × 230 cm", "160 x 230 cm"),
    ("3 mm", "3x3mm"),
    ("1.6 m by 2.3 m", "160x230 cm"),
    ("sizes 28–36", "28 to 36"),
    ("4A/-3A", "-3 A, 4 A"),
    ("3.15..50V", "3.15 V and 50 V"),
    # ways to write a number
    ("1,000", "1000"),
    ("1 000", "1,000"),
    ("1.000", "1000"),
    ("3,5 V", "3.5 V"),
    ("1,299 EUR", "1.299,00 €"),
    ("½ cup", "1/2 cup"),
    ("0.25", "1/4"),
    ("1½ cups", "1 1/2 cups"),
    ("10^6", "1e6"),
    ("1,000,000", "10⁶"),
    ("1.5 × 10^6", "1500000"),
    ("$1.25 million", "1,250,000 USD"),
    ("54k people", "54 000"),
    ("€5.00", "EUR 5"),
    ("5 €", "5.00 EUR"),
    ("£3.5bn", "3.5 billion GBP"),
    ("0.99 EUR", "99 ct"),
    ("25%", "0.25"),
    # words for numbers ground numerals, and state none themselves
    ("2 channels", "dual amplifier"),
    ("12 pieces", "a dozen"),
    # numbers as words; one and two are too often pronouns and the writer's own counts to be facts
    ("three times a day", "3"),
    ("Twenty-one rooms, Ninety nine steps", "21 rooms; 99 steps"),
    ("21 rooms", "twenty-one rooms"),
    ("12 rooms, 25 beds", "zwölf Zimmer, fünfundzwanzig Betten"),
    ("4 and 30", "quatre chambres, trente lits"),
    ("a dozen", "12"),
    ("one of the two, a three-piece suit, the Seven Sisters", "nothing"),
    ("the three sizes", "sizes: three of them"),
    ("rated three out of five", "rating: 3 out of 5"),
    # a small word that sticks to a number
    ("the5 parts, 5of5", "5 parts"),
    ("the 67th minute", "minute: 67"),
    ("1st", "rank: 1"),
    ("8-pin", "pins: 8"),
    ("24-pin", "package: DIP-24"),
    # dates and times
    ("25 November 2026", "2026-11-25"),
    ("Nov 25, 2026", "2026-11-25"),
    ("25.11.2026", "2026-11-25"),
    ("November 25th", "2026-11-25"),
    ("in 2026", "2026-11-25"),
    ("3 April 2026", "03/04/2026"),
    ("March 4, 2026", "03/04/2026"),
    ("2:30 pm", "14:30"),
    ("9 am", "09:00"),
    ("08:15", "2026-01-05T08:15:00Z"),
    ("25 November 2026", "day: 25\nmonth: November\nyear: 2026"),
    ("1 to 14 June 2026", "2026-06-01, 2026-06-14"),
    # versions and codes
    ("v1.2.3", "1.2.3"),
    ("2.1", "version 2.1.0"),
    ("SOT-23", "SOT-23-5"),
    ("sot23", "SOT-23"),
    ("TO-220", "TO-220-3"),
    ("LFCSP-10", "LFCSP-WD-10"),
    ("QFN-16", "VQFN-16"),
    ("ISO9001", "ISO 9001"),
    ("USB3.0", "USB 3.0"),
    ("USB 3.0", "USB3.0"),
    ("LH1234", "LH 1234"),
    ("SHA256", "SHA-256"),
    ("A4-sized", "A4"),
    ("M4x20 mm", "M4 x 20 mm"),
    ("ESP32-based", "ESP32"),
    ("Output-5V", "5 V"),
    ("1.8V", "MIC5353-1.8YMT"),
    ("#1234", "1234"),
    # numbers of list items and steps are no facts
    ("1. Mix.\n2. Bake.\n10) Eat.", "bread"),
    ("Step 1: mix. Step 2: bake.", "bread"),
    ("  - 3. Mix", "bread"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("output", "request_text"), STATED)
def test_what_the_request_says_in_other_signs_is_stated(output, request_text):
    assert ungrounded(output, request_text) == []


NOT_STATED = [
    ("31V", "30 V", "31V"),
    ("30 V", "30 A", "30 V"),
    ("30 mV", "30 V", "30 mV"),
    ("12 pieces", "120 pieces", "12"),
    ("47 kΩ", "4.7 kΩ", "47 kΩ"),
    ("5 mg", "5 mg/kg", "5 mg"),
    ("2.8V/µs", "2.8 V", "2.8V/µs"),
    ("2.5 mm", "2.5 mm²", "2.5 mm"),
    ("38.5 °F", "38.5 °C", "38.5 °F"),
    ("20 °C", "-20 °C", "20 °C"),
    ("-5 V", "+5 V", "-5 V"),
    ("5.5A", "2.7-5.5 V", "5.5A"),
    ("2.7-5.5 A", "2.7-5.5 V", "2.7|5.5 A"),
    ("35 %", "3.5 %", "35 %"),
    ("12,000", "1,200", "12,000"),
    ("1/3 cup", "1/2 cup", "1/3 cup"),
    ("10^5", "10^6", "10^5"),
    ("£3.5 million", "3.5bn GBP", "£3.5 million"),
    ("$45", "£45", "$45"),
    ("26 November 2026", "2026-11-25", "26 November 2026"),
    ("November 25, 2027", "2026-11-25", "November 25, 2027"),
    ("4 May 2026", "03/04/2026", "4 May 2026"),
    ("2:45 pm", "14:30", "2:45 pm"),
    ("3rd in 3:58.12", "2nd in 3:58.12", "3rd"),
    ("2.1.1", "2.1.0", "2.1.1"),
    ("TO-22", "TO-220", "TO-22"),
    ("PDIP-8", "DIP-8", "PDIP-8"),
    ("SO-8", "SOIC-8", "SO-8"),
    ("2N7000", "2N7002", "2N7000"),
    ("USB 3.1", "USB 3.0", "3.1"),
    ("5V", "SOT-23-5", "5V"),
    ("SOT-89", "SOT-23", "SOT-89"),
    ("3 men", "two men", "3"),
    ("2 V", "dual amplifier", "2 V"),
    ("80 mph", "80 km/h", "80 mph"),
    ("16 MB", "16 GB", "16 MB"),
    ("in the 1980s", "1987", "1980s"),
    ("It has 4. Good.", "3", "4"),
    ("three times a day", "nothing", "three"),
    ("It has four rooms and five beds.", "3 rooms, 5 beds", "four"),
    ("Twenty-two rooms", "twenty-one rooms", "Twenty-two"),
    ("22 rooms", "twenty-one rooms", "22"),
    ("the6 parts", "5 parts", "6"),
    ("the5V kit, in2020", "6 V kit, 2021", "5V|2020"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("output", "request_text", "found"), NOT_STATED)
def test_another_value_unit_or_code_is_not_stated(output, request_text, found):
    assert ungrounded(output, request_text) == found.split("|")


NAMES = [
    ("The mayor of Graz met Peter Novak.", "city: Graz", ["Peter Novak"]),
    ("Mayor Keller's speech in Graz was short.", "Maria Keller, Graz", []),
    ("We like the songs of Train and of Saint Vincent.", "Train (band), St. Vincent", []),
    ("They sing at Marks and Spencer, on Mount Etna.", "Marks & Spencer, Mt. Etna", []),
    ("They sing on Mount Etna.", "Etna", ["Mount"]),
    ("The WHO and NATO said so.", "World Health Organization", ["NATO"]),
    ("An LDO regulator", "low-dropout regulator", []),
    ("OpenHaus competes with BuildCo.", "OpenHaus GmbH", ["BuildCo"]),
    ("XP Power module, DC/DC", "XP_POWER, dc-dc", []),
    ("Precision Micropower Amplifier, Low Noise", "amplifier", []),  # a heading's capitals tell nothing
    ("WE SHIP ALL OVER EUROPE NOW", "", []),
    ("The German delegation left.", "the french delegation left", ["German"]),
    ("We are glad. He was there in May.", "", []),
]


@pytest.mark.parametrize(("output", "request_text", "found"), NAMES)
def test_names_are_asked_for_where_the_check_names_them(output, request_text, found):
    assert ungrounded(output, request_text, "{kind: grounded, facts: [names]}") == found


def test_a_count_of_the_values_of_a_field_is_stated():
    style = parse_style("checks: [{kind: grounded}]")
    rows = [{"colours": ["red", "blue", "green"]}, {"colours": ["red", "blue"]}]
    pairs = pl.DataFrame(
        {"output": ["In three colours"] * 2, "input": ["x"] * 2, "fields": [json.dumps(r) for r in rows]}
    )
    assert check_outputs(pairs, style).status["grounded"].to_list() == ["pass", "fail"]


def test_terms_that_the_team_teaches_are_allowed():
    check = "{kind: grounded, facts: [numbers, codes, names], allow: [10 years, RX-7, BuildCo]}"
    assert ungrounded("10-year warranty, rx7, from BuildCo, 11 days", "", check) == ["11 days"]


@pytest.mark.parametrize(
    ("output", "request_text", "said"),
    [
        ("45 V", "ratings: 2 A, 40 V, 5 V", 'grounded: "45 V" is not in the request; it states 40 V'),
        ("SOT-89", "package: SOT-23", 'grounded: "SOT-89" is not in the request; it states SOT-23'),
        ("45 V", "ratings: 2 A", 'grounded: "45 V" is not in the request'),
    ],
)
def test_an_explanation_names_what_was_perhaps_meant(output, request_text, said):
    style = parse_style("checks: [{kind: grounded}]")
    found = check_outputs(pl.DataFrame({"output": [output], "input": [request_text]}), style).violations.row(
        0, named=True
    )
    assert explain(style.checks[0], found["found"], found["expected"]) == said


# A ~ stands for a space inside.
TABLE = """
5~V 30V -40 ± … to 2.7-5.5~V 1,000 1~000 1.5 ½ 1~1/2 10^6 1e6 ² % °C EUR €5 $ million k x × 3x3mm Nov 25 2026
2026-11-25 03/04/26 14:30 2~pm v1.2.3 1.2.3 SOT-23 4k7 USB~3.0 ISO - – / . , : ( ) " 1. 2) Step~1: dual dozen The
in Graz NATO iPhone ß İ ٣ 0x1F 3rd 1980s per kg mg/kg minus and ' e _ 5_ mm² 00 +
"""
PIECE = st.sampled_from([*(piece.replace("~", " ") for piece in TABLE.split()), "1. ", "\n", "\u00a0", "\ufdd0", "~"])
TEXT = st.one_of(
    st.text(max_size=30), st.lists(PIECE, max_size=12).map("".join), st.lists(PIECE, max_size=12).map(" ".join)
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_a_text_states_itself(text):
    assert ungrounded(text, text, EVERY) == []


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT, TEXT)
def test_a_longer_request_never_states_less(output, request_text, more):
    assert set(ungrounded(output, f"{request_text}\n{more}")) <= set(ungrounded(output, request_text))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_each_place_holds_what_was_found(rows):
    pairs = pl.DataFrame({"output": [one for one, _ in rows], "input": [other for _, other in rows]})
    for row in check_outputs(pairs, parse_style(f"checks: [{EVERY}]")).violations.iter_rows(named=True):
        assert rows[row["index"]][0][row["start"] : row["end"]] == row["found"]


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["{} V, ", "{} ", "{}-", "A{}-", "Name{} ", "1. {}\n"])
def test_a_text_of_very_many_numbers_is_read_to_its_end(piece):
    output, request_text = ("".join(piece.format(i + more) for i in range(3_000)) for more in (0, 1))
    assert len(ungrounded(output, request_text)) <= 1
    assert ungrounded("7777777 V", request_text) == ["7777777 V"]


def test_the_same_fact_twice_has_two_places():
    pairs = pl.DataFrame({"output": ["45 V here, 5 V there, and 45 V again"], "input": ["5 V"]})
    violations = check_outputs(pairs, parse_style("checks: [{kind: grounded}]")).violations
    assert violations.select("start", "end").rows() == [(0, 4), (26, 30)]


def test_the_numbers_of_a_list_are_still_there_for_the_next_rule():
    style = parse_style("checks: [{kind: grounded}, {kind: list, marker: '1. '}]")
    table = pl.DataFrame({"output": ["1. a\n2. b"], "input": ["x"]})
    assert check_outputs(table, style).status.row(0) == ("pass", "pass")
