import json
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.curate import CurateSettings, curate, find_personal, mask_text, read_frame, read_pairs, write_curated
from tuneworth.curate.check.masking import find_places, group_masks
from tuneworth.curate.check.personal import may_hold_personal, places_in
from tuneworth.curate.read.pair_table import stored_turns
from tuneworth.examples import example_path

from .measured import mask_pairs

# Each text with the sort and the part of it that is personal data.
GUILTY = [
    ("Write to jane.doe@example.com.", "e-mail", "jane.doe@example.com"),
    ("Mail: a+b@sub.example.co.uk!", "e-mail", "a+b@sub.example.co.uk"),
    ("...jörg@müller.de", "e-mail", "jörg@müller.de"),
    ("mailto:info@firma.de?subject=x", "e-mail", "info@firma.de"),
    ("JANE@EXAMPLE.COM", "e-mail", "JANE@EXAMPLE.COM"),
    ("<x_y@163.com>", "e-mail", "x_y@163.com"),
    ("https://site.org/users/jane@example.com", "e-mail", "jane@example.com"),
    ("+1 212 555 0123", "phone", "+1 212 555 0123"),
    ("call +1 555 123 4567 now", "phone", "+1 555 123 4567"),
    ("London +44 20 7946 0958,", "phone", "+44 20 7946 0958"),
    ("+44 1632 960123", "phone", "+44 1632 960123"),
    ("+49 (0)30 123456-78", "phone", "+49 (0)30 123456-78"),
    ("+4915112345678", "phone", "+4915112345678"),
    ("0049 30 1234567", "phone", "0049 30 1234567"),
    ("+33 1 23 45 67 89", "phone", "+33 1 23 45 67 89"),
    ("our number is (212) 555-0123", "phone", "(212) 555-0123"),
    ("(555) 123-4567", "phone", "(555) 123-4567"),
    ("call 415-555-2671 today", "phone", "415-555-2671"),
    ("415.555.2671", "phone", "415.555.2671"),
    ("1-800-555-0199", "phone", "1-800-555-0199"),
    ("Tel. 030 1234567", "phone", "030 1234567"),
    ("Tel.: 030/1234567", "phone", "030/1234567"),
    ("Phone (work): 030 1234567", "phone", "030 1234567"),
    ('{"phone":"0301234567"}', "phone", "0301234567"),
    ("customerPhone: 9876543210", "phone", "9876543210"),
    ("Rufnummer: 089 636 480", "phone", "089 636 480"),
    ("WhatsApp: 98765 43210", "phone", "98765 43210"),
    ("téléphone : 01 23 45 67 89", "phone", "01 23 45 67 89"),
    ("4111 1111 1111 1111", "card", "4111 1111 1111 1111"),
    ("card 4111111111111111.", "card", "4111111111111111"),
    ("5555-5555-5555-4444", "card", "5555-5555-5555-4444"),
    ("378282246310005", "card", "378282246310005"),
    ("3782 822463 10005", "card", "3782 822463 10005"),
    ("6011111111111117", "card", "6011111111111117"),
    ("2223003122003222", "card", "2223003122003222"),
    ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN", "DE89 3704 0044 0532 0130 00"),
    ("DE89370400440532013000", "IBAN", "DE89370400440532013000"),
    ("de89370400440532013000", "IBAN", "de89370400440532013000"),
    ("GB29 NWBK 6016 1331 9268 19", "IBAN", "GB29 NWBK 6016 1331 9268 19"),
    ("NO93 8601 1117 947 AND MORE", "IBAN", "NO93 8601 1117 947"),
    ("FR14 2004 1010 0505 0001 3M02 606", "IBAN", "FR14 2004 1010 0505 0001 3M02 606"),
]

INNOCENT = [
    "LM317 adjustable regulator, 1.2V to 37V, 1.5A, TO-220",
    "part 415-555-2671",
    "order no. 212-555-0123",
    "Order #415-555-2671",
    "NE555-123-4567",
    "640456-2",
    "SN74LVC1G08DBVR",
    "24C02 / 24LC256",
    "QFN-48-1EP_7x7mm_P0.5mm",
    "2024-01-15 10:00:00",
    "2024-01-01T00:00:00+02:00",
    "phone: 2024-01-15",
    "phone: 192.168.10.20",
    "192.168.100.200",
    "ISBN 978-3-16-148410-0",
    "EAN 4006381333931",
    "4006381333931",
    "GTIN 04006381333931",
    "IMEI 356938035643809",
    "123-45-6789",
    "52.520008, 13.404954",
    "+52.520008 +13.404954",
    "+3.3V +5V +12V",
    "+1000000 rows",
    "+20 000 000 000",
    "1,000,000,000",
    "1234567890",
    "0603 0805 1206",
    "phone 0603",
    "300 000 000 m/s",
    "3.14159265358979",
    "5+1234567890",
    "C++11 2014 2017 2020 2023",
    "fax modem 33600 bps",
    "mobile 2400 mAh",
    "microphone: 1234567890",
    "hotline 24/7",
    "1.2.840.113549.1.1.11",
    "00:1A:2B:3C:4D:5E",
    "icon@2x.png",
    "getty@tty1.service",
    "package@1.2.3",
    "user@localhost",
    "A@B.T",
    "@override",
    "git@github.com:owner/name.git",
    "https://user:secret@host.com/",
    "4111 1111 1111 1112",
    "0.4111111111111111",
    "4111111111111111a",
    "0x4111111111111111",
    "9999111111111111",
    "tracking 1Z999AA10123456784",
    "DE89 3704 0044 0532 0130 01",
    "DE89 3704 0044 0532 0130",
    "AB12 CDEF GHIJ",
    "sha de89a1b2c3d4e5f6a7b8c9",
]


def column(texts):
    return pl.Series("text", texts, dtype=pl.String)


@pytest.mark.parametrize(("text", "what", "value"), GUILTY)
def test_personal_data_is_found_where_it_stands(text, what, value):
    found = find_personal(column([None, text]))
    assert [(index, sort, text[start:end]) for index, sort, start, end in found.rows()] == [(1, what, value)]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_like_personal_data_is_left_alone(text):
    assert find_personal(column([text])).rows() == []


@pytest.mark.slow
def test_no_part_of_the_components_is_called_personal():
    raw = read_pairs(example_path("components") / "pairs.jsonl")
    assert find_places(raw.pairs).rows() == []


def test_several_sorts_in_one_text_do_not_overlap():
    text = "jane@x.de, +49 30 1234567, DE89 3704 0044 0532 0130 00, 4111 1111 1111 1111"
    found = places_in(text)
    assert [what for what, _, _ in found] == ["e-mail", "phone", "IBAN", "card"]
    assert all(one[2] <= other[1] for one, other in pairwise(found))


PIECES = st.sampled_from(
    [value for _, _, value in GUILTY] + INNOCENT + ["phone: ", "tel ", "+", "00", " ", "\n", "(", '"', "@", "-"]
)
TEXTS = st.lists(PIECES | st.text(max_size=8), max_size=6).map("".join)


@settings(deadline=None)
@given(TEXTS)
def test_places_lie_inside_in_order_and_the_first_look_misses_none(text):
    places = places_in(text)
    spots = [spot for _, start, end in places for spot in (start, end)]
    assert spots == sorted(spots)
    assert all(0 <= start < end <= len(text) for _, start, end in places)
    worth = pl.DataFrame({"t": [text]}).select(may_hold_personal(pl.col("t")))["t"][0]
    assert worth or not places
    assert [row[1:] for row in find_personal(column([text])).rows()] == places


@settings(deadline=None)
@given(TEXTS)
def test_a_masked_text_holds_nothing_and_stays_as_it_is(text):
    masked = mask_text(text)
    assert places_in(masked) == []
    assert mask_text(masked) == masked


def test_what_one_text_of_a_pair_shows_to_be_personal_is_masked_in_the_others():
    """The number alone is no phone number; the input says that it is one, with a field or in its text."""
    rows = [
        {"input": {"phone": "265 745 239"}, "output": "Ruf uns an: 265745239."},
        {"input": "inform(name=Ananta, phone=265745239)", "output": "It is 265 745 239, not 2657452390."},
    ]
    masked = curate(rows, settings=CurateSettings(mask=True, near_duplicate=1)).kept.sort("row")
    assert masked["output"].to_list() == ["Ruf uns an: [PHONE].", "It is [PHONE], not 2657452390."]
    assert masked["input"].to_list() == ["phone: [PHONE]", "inform(name=Ananta, phone=[PHONE])"]


def test_what_a_mask_uncovers_is_masked_too():
    text = "+49 30 1234567 8@x.de"
    assert mask_text(text) == "[PHONE] [E-MAIL]"
    raw = read_frame([{"input": text, "output": "b"}])
    assert mask_pairs(raw).pairs["input"][0] == "[PHONE] [E-MAIL]"


def test_the_guide_is_masked():
    raw = read_frame([{"input": f"a {i}", "output": "b", "system": "Ask jane@x.de"} for i in range(9)])
    assert mask_pairs(raw).guide == "Ask [E-MAIL]"


def test_a_value_behind_a_line_break_in_meta_is_found():
    raw = read_frame([{"input": "a", "output": "b", "note": "home\n0049 30 1234567"}])
    assert find_places(raw.pairs).rows() == [(1, "meta.note", "phone", 5, 20)]


def test_masks_of_a_row_say_what_is_the_same():
    rows = [{"input": "I am jane@x.de, not bob@x.de", "output": "Hello JANE@x.de! Is bob@x.de with you?"}]
    raw = read_frame(rows)
    masked = mask_pairs(raw).pairs
    assert masked["input"][0] == "I am [E-MAIL], not [E-MAIL 2]"
    assert masked["output"][0] == "Hello [E-MAIL]! Is [E-MAIL 2] with you?"


def test_fields_meta_and_groups_are_masked_under_their_names():
    given_rows = [
        {
            "input": {"phone": "030 1234567", "card": 4111111111111111, "contact": {"phone": {"home": "040 9876543"}}},
            "output": "done",
            "owner": ["line\njane@x.de"],
            "group": "zoe@x.de",
        },
        {"input": {"phone": "none"}, "output": "nothing", "group": "amy@x.de"},
    ]
    raw = read_frame(given_rows)
    places = find_places(raw.pairs)
    assert set(places["where"]) == {"input", "meta.owner", "group"}
    masked = mask_pairs(raw).pairs
    fields = {"phone": "[PHONE]", "card": "[CARD]", "contact": {"phone": {"home": "[PHONE 2]"}}}
    assert json.loads(masked["fields"][0]) == fields
    assert masked["input"][0] == 'phone: [PHONE]\ncard: [CARD]\ncontact: {"phone":{"home":"[PHONE 2]"}}'
    assert json.loads(masked["meta"][0]) == {"owner": ["line\n[E-MAIL]"]}
    assert masked["group"].to_list() == ["[E-MAIL 2]", "[E-MAIL]"]
    assert find_places(mask_pairs(raw).pairs).rows() == []


def test_a_conversation_keeps_its_turns():
    turns = [("user", "I am jane@x.de"), ("assistant", "Hi"), ("user", "call +49 30 1234567"), ("assistant", "yes")]
    raw = read_frame([{"messages": [{"role": role, "content": text} for role, text in turns]}])
    row = mask_pairs(raw).pairs.row(0, named=True)
    messages = stored_turns(row["input"], row["meta"])
    assert [m["content"] for m in messages] == ["I am [E-MAIL]", "Hi", "call [PHONE]"]


def test_an_id_with_personal_data_becomes_that_of_its_masked_texts():
    rows = [
        {"id": "jane@x.de", "input": "one bob@x.de", "output": "a"},
        {"id": "7", "input": "two eve@x.de", "output": "b"},
    ]
    raw = read_frame(rows)
    masked = mask_pairs(raw).pairs
    nameless = read_frame([{"input": "one [E-MAIL]", "output": "a"}]).pairs
    assert masked["id"].to_list() == [nameless["id"][0], "7"]
    unnamed = read_frame([{"input": "one bob@x.de", "output": "a"}])
    assert mask_pairs(unnamed).pairs["id"][0] == nameless["id"][0]


PLANTED = ["jane.doe@example.com", "+49 30 1234567", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"]


def planted_rows():
    rows = [
        {"id": str(i), "input": f"request {i} {i * 37}", "output": f"The answer number {i * 91}."} for i in range(60)
    ]
    for place, value in enumerate(PLANTED):
        rows[place]["input"] += f" from {value}"
        rows[place + 10]["output"] += f" Ask {value}"
        rows[place + 20]["system"] = f"You serve {value}"
        rows[place + 30]["note"] = {"who": value, value: 1}
        rows[place + 40]["group"] = value
        rows[place + 50]["id"] = f"row of {value}"
    rows[55]["output"] = "I'm sorry, but I can't help with that, write to jane.doe@example.com"
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["", "x"])
def test_a_masked_run_holds_no_planted_value_anywhere(tmp_path, suffix):
    file = tmp_path / "pairs.jsonl"
    broken = '{"input": "broken", "output": "jane.doe@example.com" +49 30 1234567' + suffix
    file.write_text("\n".join([*map(json.dumps, planted_rows()), broken]), encoding="utf-8")
    done = curate(read_pairs(file), settings=CurateSettings(mask=True))
    folder = write_curated(done, tmp_path / "run")
    pl.read_parquet(folder / "ledger.parquet").write_ndjson(folder / "ledger.ndjson")
    written = b"".join(path.read_bytes() for path in folder.iterdir()).decode(errors="replace")
    assert "[E-MAIL]" in written
    for value in [*PLANTED, "jane.doe", "1234567", "1111", "3704"]:
        assert value not in written
    assert done.summary["personal_data"]["masked"]
    assert {w["code"] for w in done.summary["warnings"]} >= {"personal_data_masked"}


def test_without_masks_the_pairs_alone_hold_the_values():
    done = curate(planted_rows())
    said = json.dumps(done.summary) + done.ledger.filter(pl.col("id").str.contains("row of").not_()).write_csv()
    for value in PLANTED:
        assert value not in said
    found = done.summary["personal_data"]
    assert found["found"]["phone"] == 7
    assert not found["masked"]
    first = done.summary["personal_data"]["places"][0]
    assert planted_rows()[first["row"] - 1][first["where"]][first["start"] : first["end"]] in PLANTED
    text = next(w["text"] for w in done.summary["warnings"] if w["code"] == "personal_data")
    assert "in row 1, input, characters" in text


def test_pairs_that_differ_in_a_masked_value_only_are_duplicates():
    rows = [{"input": f"please close the account of {name}@example.com", "output": "It is closed as you wish, dear customer"}
            for name in ("jane", "robert")]  # fmt: skip
    rows += [{"input": f"other {i} {i * 7}", "output": f"text {i}"} for i in range(20)]
    outcomes = [curate(rows, settings=CurateSettings(mask=mask)).summary["outcomes"] for mask in (False, True)]
    assert [o["duplicate"] for o in outcomes] == [0, 1] or outcomes[1]["duplicate"] == 1


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_masking_twice_changes_nothing(texts):
    raw = read_frame(
        [{"id": str(i), "input": f"a {text}", "output": f"b {answer}"} for i, (text, answer) in enumerate(texts)]
    )
    once = mask_pairs(raw)
    assert find_places(once.pairs).rows() == []
    assert mask_pairs(once).pairs.equals(once.pairs)


# --- groups -------------------------------------------------------------------------------------------------------

NAMED = ["jane@x.de", "JANE@X.de", "bob@x.de", "+49 30 1234567", "4111 1111 1111 1111", "a lamp", "a#2", "brass"]
GROUPS = st.lists(st.sampled_from(NAMED), min_size=1, max_size=3).map(" ".join)


@given(st.lists(st.none() | GROUPS, max_size=20), st.randoms())
def test_groups_have_the_same_masks_in_any_order_of_rows(groups, random):
    shuffled = random.sample(groups, len(groups))
    masks = group_masks(pl.Series(groups, dtype=pl.String))
    assert group_masks(pl.Series(shuffled, dtype=pl.String)) == masks
    assert all(value not in text for value in NAMED[:5] for text in masks.values())


def test_a_value_that_a_mask_uncovers_in_a_group_is_numbered_whatever_comes_first():
    groups = ["+49 30 7654321 8@x.de", "+49 30 1234567 8@x.de"]
    expected = dict(zip(groups, ["[PHONE 2] [E-MAIL]", "[PHONE] [E-MAIL]"], strict=True))
    assert group_masks(pl.Series(groups)) == group_masks(pl.Series(groups[::-1])) == expected
