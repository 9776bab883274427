"""Adversarial texts: one piece over and over, which a scan that looks back or ahead reads again and again."""

import string
from collections.abc import Mapping
from itertools import product

__all__ = ["REPEATS", "SYMBOLS", "repeated", "varied"]

_WORDS = [
    "a", "A", "aA", "Aa", "a ", "A ", "Aa ", "AA ", "a\n", "ab, ", "Ab. ", "a. ", "a.", "a-", "a_", "a/", "a'", "a’",
    "a&", "ß", "İ", "ﬁ", "the ", "not ", "and ", "three ", "twenty-", "Jan ", "Jan 1 ", "minus ", "per ", "of ", "no.",
    "1 of ", "is ",
]  # fmt: skip
_DIGITS = [
    "1", "1 ", "12 ", "1,", "1,1,", "1.", "1.1.", "1,000,", "1'000", "1-", "1/", "1:", "1:1 ", "1x", "1 x ", "1e", "1^",
    "a1", "a1a1-", "1a ", "1V", "1 V ", "1 to ", "1%", "1% ", "-1", "+1", "+1 ", "00 ", "(1", "(1)", "$1", "$ 1 ", "£",
    "¼", "1¼", "²", "1/1 ", "1. ", "2020-01-01 ", "1.1.2020 ", "0x", "1\u00a0", "１", "٣", "4111 1111 1111 1111 ",
    "+49 30 1", "DE12 ", "DE12-", "tel. ", "tel: ", "555-",
]  # fmt: skip
_MARKUP = [
    "<<a", "<a", "<a>", "<a ", "</", "</a>", "<p>", "<li>", "<b><i>", "<!--", "<!-- ", "-->", '<a b="', "<a b='",
    "&amp;", "&", "&#1", "&#;", "<|", "<|a|>", "<think>", "</think>", "[INST]", "**a", "**a**", "*a ", "_a", "__a__ ",
    "~~a", "`a", "`a` ", "```", "```\n", "~~~\n", "# a\n", "## \n", "- a\n", "- \n", "* a\n", "1. a\n", "1) a\n",
    " - a\n", "| a ", "|-", "a: b\n", "a:", "a: ", ": ", "a;", "a = b\n", "$a$ ", "\\(", "\\a", "\\\\", "\\u", "%20",
    "{a}", "{{a}}", "{a", "[a]", "[a", "[a](", "![a](", "(a", "(a)", "a(", "a[", "a[b] ",
]  # fmt: skip
_JSON = [
    '{"a":', '{"a":1,', '{"a":1}', "[1,", "[[", "[[]", "[]", "{}", "{'a':", '"a",', '"\\', '"a" ', "'a' ", "//",
    "// a\n", "/*", "/* */", "#\n", "null,", "-", "1e1,",
]  # fmt: skip
_MARKS = [
    "“", "“a", "“a” ", "„", "«", "…", "...", "!a", "!! ", "? ", "。", "。a", "–", " – ", "a–", "— ", "•", "• a\n", "()",
    "(())", "((", "))", "[]]", '""', '"a', "''", '" ', ", ", "; ", ",;", " ,", ". . ", ".. ",
]  # fmt: skip
_INVISIBLE = [
    " ", "\n", "\t", "\r\n", " \n", "\n ", "\n\n", "\n\n\n ", "\u00a0", "\u2003", "\x0b", "\x1f", "\x00", "\u0301",
    "e\u0301", "\u200d", "a\u200d", "\ufe0f", "👍🏽", "\u00ad", "\ufeff", "\ufdd0", "\ufffd", "Ã¼", "â€™", "中", "中a", "ไ",
    "а", "аa", "α", "🏳️‍🌈",
]  # fmt: skip
_WORDY = ["abc-", "abc.", "ab_", "Abc-", "abc ", "Abc ", "abc", "-abc", "1 abc "]
_OF_CHECKS = [
    "SOT-89 ", "SOT-89,", "sot-23 ", "SOT-23; ", "not SOT-23 ", "LDO ", "low dropout ", "cheap ", "red, ", "box ",
    "Part: ", "Part: a\n", "5 V, ", "5V ", "Title Case ", "Die und ", "sorry ", "I cannot ", "TODO ", "[TODO] ",
    "Sure, ", "Here is ", "e-mail ", "colour ", "GitHub ", "12:30 ", "v1.2.3 ", "m² ", "10^6 ", "1/2 of ",
    "3 out of 5 ", "50%, ", "without ", "no ", "rather than ", "minus 1 to 1 ", "<think></think>", "a[b],", "a: b, ",
]  # fmt: skip
_NESTED = [
    "([{", "([{<", "([)]", ")(", "][", "<([", "(a(b", "((a) ", "{{[", "}}", "[(", "“(", "(“", "'\"", "«(", "<<>>",
    "({a}: ",
]  # fmt: skip
_LONG = [
    "a" * 40 + " ",
    "A" * 40 + "-",
    "a" * 300 + ".",
    "1" * 40 + " ",
    "Aa" * 20 + "_",
    "é" * 40 + " ",
    "аa" * 30 + " ",
]
_COMBINING = [
    "a\u0301\u0302", "\u0301\u200d", "\u200d\u200c", "a\u200c", "e\u20dd ", "\u0915\u094d", "\u0e01\u0e49",
    "\u05d0\u05b8", "\u064a\u064e ", "1\u20e3", "🇩", "👩\u200d", "a\u034f", "\u1100\u1161", "\u202e", "\u2066a",
]  # fmt: skip
_NUMERALS = [
    "1\u202f000 ", "1 000 000 ", "Ⅷ ", "①", "٣٫٥ ", "1,2;3", "1..2", "1-2-3-", "±1 ", "1×2×", "1:2:3 ", "(1) 2) ",
    "#1 ", "1st ", "½¼",
]  # fmt: skip
_EITHER = [
    "a|b",
    "a/b/",
    "a or b ",
    "a, b or c; ",
    "(a|b)",
    "either ",
    "a and/or ",
    "x=1;y=2;",
    "a<b>c",
    "a=b&c=d&",
    "a\\|b",
]
_ADDRESSES = [
    "a@", "@", "@a.", "a@b.", "a@b.cc ", "//", "http://", "http://a/", "https://a:b@", "www.", "/a", "../", "C:\\",
    "\\\\a\\", "#a", "a#",
]  # fmt: skip

REPEATS: Mapping[str, str] = {
    repr(piece)[1:-1]: piece
    for piece in dict.fromkeys(
        [*string.punctuation, *(f"{mark} " for mark in string.punctuation), *(f"{mark}a" for mark in string.punctuation),
         *(f"{mark}1" for mark in string.punctuation), *_WORDS, *_DIGITS, *_MARKUP, *_JSON, *_MARKS, *_INVISIBLE, *_ADDRESSES,
         *_WORDY, *_OF_CHECKS, *_NESTED, *_LONG, *_COMBINING, *_NUMERALS, *_EITHER]
    )
}  # fmt: skip

# Of which random pieces are made: a letter, a digit, white space, a mark of each kind, what combines and what joins.
SYMBOLS = "aA1é中 \n\u0301\u200d\u00a0" + string.punctuation + "“’–…•"


def repeated(piece: str, characters: int) -> str:
    """The piece over and over, cut to a length."""
    return (piece * (characters // len(piece) + 1))[:characters]


def varied(piece: str, characters: int) -> str:
    """The piece over and over, each time before another word, cut to a length: nothing that is kept for a word is used twice."""
    parts, size, words = [], 0, map("".join, product(string.ascii_lowercase, repeat=4))
    for word in words:
        parts.append(f"{piece}{word} ")
        size += len(parts[-1])
        if size >= characters:
            break
    return "".join(parts)[:characters]
