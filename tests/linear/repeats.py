"""Adversarial repeats: texts of one piece over and over, which a scan that looks back or ahead reads again and again."""

import string
from collections.abc import Mapping

__all__ = ["REPEATS", "repeated"]

_WORDS = ["a", "A", "aA", "Aa", "a ", "A ", "Aa ", "AA ", "a\n", "ab, ", "Ab. ", "a. ", "a.", "a-", "a_", "a/", "a'", "a’", "a&", "ß", "İ", "ﬁ",
          "the ", "not ", "and ", "three ", "twenty-", "Jan ", "Jan 1 ", "minus ", "per ", "of ", "no.", "1 of ", "is "]
_DIGITS = ["1", "1 ", "12 ", "1,", "1,1,", "1.", "1.1.", "1,000,", "1'000", "1-", "1/", "1:", "1:1 ", "1x", "1 x ", "1e", "1^", "a1", "a1a1-",
           "1a ", "1V", "1 V ", "1 to ", "1%", "1% ", "-1", "+1", "+1 ", "00 ", "(1", "(1)", "$1", "$ 1 ", "£", "¼", "1¼", "²", "1/1 ", "1. ",
           "2020-01-01 ", "1.1.2020 ", "0x", "1\u00a0", "１", "٣", "4111 1111 1111 1111 ", "+49 30 1", "DE12 ", "DE12-", "tel. ", "tel: ", "555-"]
_MARKUP = ["<<a", "<a", "<a>", "<a ", "</", "</a>", "<p>", "<li>", "<b><i>", "<!--", "<!-- ", "-->", "<a b=\"", "<a b='", "&amp;", "&", "&#1", "&#;",
           "<|", "<|a|>", "<think>", "</think>", "[INST]", "**a", "**a**", "*a ", "_a", "__a__ ", "~~a", "`a", "`a` ", "```", "```\n", "~~~\n",
           "# a\n", "## \n", "- a\n", "- \n", "* a\n", "1. a\n", "1) a\n", " - a\n", "| a ", "|-", "a: b\n", "a:", "a: ", ": ", "a;", "a = b\n",
           "$a$ ", "\\(", "\\a", "\\\\", "\\u", "%20", "{a}", "{{a}}", "{a", "[a]", "[a", "[a](", "![a](", "(a", "(a)", "a(", "a[", "a[b] "]
_JSON = ["{\"a\":", "{\"a\":1,", "{\"a\":1}", "[1,", "[[", "[[]", "[]", "{}", "{'a':", "\"a\",", "\"\\", "\"a\" ", "'a' ", "//", "// a\n", "/*", "/* */", "#\n",
         "null,", "-", "1e1,"]
_MARKS = ["“", "“a", "“a” ", "„", "«", "…", "...", "!a", "!! ", "? ", "。", "。a", "–", " – ", "a–", "— ", "•", "• a\n", "()", "(())", "((", "))", "[]]",
          "\"\"", "\"a", "''", "\" ", ", ", "; ", ",;", " ,", ". . ", ".. "]
_INVISIBLE = [" ", "\n", "\t", "\r\n", " \n", "\n ", "\n\n", "\n\n\n ", "\u00a0", "\u2003", "\x0b", "\x1f", "\x00", "\u0301", "e\u0301", "\u200d", "a\u200d", "\ufe0f", "👍🏽",
              "\u00ad", "\ufeff", "\ufdd0", "\ufffd", "Ã¼", "â€™", "中", "中a", "ไ", "а", "аa", "α", "🏳️‍🌈"]
_ADDRESSES = ["a@", "@", "@a.", "a@b.", "a@b.cc ", "//", "http://", "http://a/", "https://a:b@", "www.", "/a", "../", "C:\\", "\\\\a\\", "#a", "a#"]

REPEATS: Mapping[str, str] = {
    repr(piece)[1:-1]: piece
    for piece in dict.fromkeys(
        [*string.punctuation, *(f"{mark} " for mark in string.punctuation), *(f"{mark}a" for mark in string.punctuation),
         *(f"{mark}1" for mark in string.punctuation), *_WORDS, *_DIGITS, *_MARKUP, *_JSON, *_MARKS, *_INVISIBLE, *_ADDRESSES]
    )
}  # fmt: skip


def repeated(piece: str, characters: int) -> str:
    """The piece over and over, cut to a length."""
    return (piece * (characters // len(piece) + 1))[:characters]
