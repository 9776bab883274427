"""Terms that a corpus spells in several ways: `Low Dropout`, `Low-Dropout`, `low drop-out`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import polars as pl

from .facts.names import JOINERS, MIXED_UP, PARTICLES, PREFIXES, american

# A term is up to three words with one of these between them; a hyphenated part counts as a word.
_JOINTS = [" ", "-", "\u2010", "\u2011", "\u2013", "/"]
_WORD = r"[\p{L}\p{M}\p{N}_]+"
_MOST_JOINED = 3
# A term counts only as a whole: not as part of a web address, a path or a longer chain of hyphens.
_FREE_BEFORE = r"(?:^|[\s(\[\"“„,;]|(?:^|\s)['‘])$"
_FREE_AFTER = r"^(?:\s|[)\]\"”“]|[.,;:!?…'’]+[\s)\]\"”“])"
# Above this many words only every n-th text is read: a term that deserves a rule still shows up.
_MOST_WORDS = 1_500_000
# A term in fewer texts than this is not a habit.
_FEWEST_ROWS = 5
# A typo is rare compared with the frequent word; in a short word two letters make a different word.
_TYPO_SHARE, _TYPO_FROM_ROWS, _TYPO_LETTERS = 0.02, 20, 8
# A name with capitals inside (`GitHub`, `MOSFET`) is written that way most of the time; six capitals spell no common word.
_NAME_SHARE, _NAME_CAPITALS = 0.6, 6
# A term found inside a longer one this often is covered by the longer one.
_INSIDE_SHARE = 0.9
# A longer term needs no rule if its spellings differ only in a shorter term inside it.
_EXPLAINED_SHARE = 0.85
# If the small letter is this rare, the capital is more than the beginning of a sentence.
_SENTENCE_SHARE = 0.1


@dataclass(frozen=True)
class Variants:
    """One term: its most frequent spelling, the others with the number of texts that contain each, and the total."""

    preferred: str
    variants: dict[str, int]
    rows: int
    preferred_rows: int


@dataclass(frozen=True)
class _Cluster:
    """The spellings of one term with the rows that contain each, the preferred one first."""

    forms: dict[str, frozenset[int]]

    @cached_property
    def rows(self) -> frozenset[int]:
        return frozenset().union(*self.forms.values())

    @cached_property
    def key(self) -> str:
        return _letters(next(iter(self.forms)))


def spelling_variants(texts: pl.Series, *, fewest_rows: int = _FEWEST_ROWS) -> list[Variants]:
    """Terms that the texts spell in several ways, most frequent first; above 1.5 million words in a sample.

    Spellings of one term have the same letters and differ in hyphens, spaces or slashes (and then in case too), or in
    the case inside a name (`GitHub`, `Github`); or they are British and American (`colour`, `color`), or a rare typo
    of two letters in a frequent word (`ampilfier`, `controler`). Singular and plural are two terms, and words with
    digits are not terms: `16-bit` is not `18-bit`. Precision comes first: a pair that could mean two things is omitted.
    """
    tokens = _tokens(texts.drop_nulls())
    single = _terms(tokens, 1)
    clusters = [*_joined(tokens, single), *_names(single, _in_capitals(tokens)), *_one_word(single)]
    terms = []
    for cluster in _not_nested([cluster for cluster in clusters if len(cluster.rows) >= fewest_rows]):
        (preferred, rows), *others = cluster.forms.items()
        terms.append(Variants(preferred, {f: len(r) for f, r in others}, len(cluster.rows), len(rows)))
    return sorted(terms, key=lambda term: (-term.rows, term.preferred))


def _tokens(texts: pl.Series) -> pl.DataFrame:
    """The words of all texts in order: row, word, the text before and after, whether the word is letters only."""
    step = max(1, -(-int(texts.str.count_matches(_WORD).sum() or 0) // _MOST_WORDS))
    pieces = (
        pl.DataFrame({"text": texts})
        .with_row_index("row")
        .gather_every(step)
        .select("row", word=(pl.col("text") + "\n").str.extract_all(rf"{_WORD}|[^\p{{L}}\p{{M}}\p{{N}}_]+"))
        .explode("word")
        .drop_nulls("word")
    )
    same = [(pl.col("row") == pl.col("row").shift(n)).fill_null(False) for n in (1, -1)]
    return pieces.with_columns(
        before=pl.when(same[0]).then(pl.col("word").shift(1)).otherwise(pl.lit("")),
        behind=pl.when(same[1]).then(pl.col("word").shift(-1)).otherwise(pl.lit("")),
        plain=pl.col("word").str.contains(r"^[\p{L}\p{M}]+$"),
    ).filter(pl.col("word").str.contains(rf"^{_WORD}$"))


def _terms(tokens: pl.DataFrame, words: int) -> pl.DataFrame:
    """Every run of `words` whole words with one joint between them: row, form, lower; each once per row."""
    word, behind, row = (pl.col(name) for name in ("word", "behind", "row"))
    holds = [pl.col("plain").shift(-n) for n in range(words)]
    parts = [word]
    for n in range(1, words):
        parts += [behind.shift(1 - n), word.shift(-n)]
        holds += [row.shift(-n) == row, behind.shift(1 - n).is_in(_JOINTS)]
    free = [pl.col("before").str.contains(_FREE_BEFORE), behind.shift(1 - words).str.contains(_FREE_AFTER)]
    runs = tokens.select("row", form=pl.concat_str(parts), holds=pl.all_horizontal(*holds, *free).fill_null(False))
    return runs.filter("holds").select("row", "form").unique().with_columns(lower=pl.col("form").str.to_lowercase())


def _joined(tokens: pl.DataFrame, single: pl.DataFrame) -> list[_Cluster]:
    """Terms with the same letters and different joints: `Low Dropout`, `low-dropout`."""
    runs = [single, *(_terms(tokens, words) for words in range(2, _MOST_JOINED + 1))]
    letters = pl.col("lower").str.replace_all(r"[^\p{L}\p{M}]", "")
    table = pl.concat(runs).with_columns(key=letters)
    several = table.select("key", "lower").unique().group_by("key").len().filter(pl.col("len") > 1)
    return _clusters(table.join(several, on="key", how="semi"), _same_term)


def _in_capitals(tokens: pl.DataFrame) -> pl.Series:
    """The words in capitals that mostly come next to others: part of a title in capitals, and no name."""
    shouted = pl.col("word").str.contains(r"^\p{Lu}{2,}$")
    beside = pl.any_horizontal(
        (shouted.shift(n) & (pl.col("row").shift(n) == pl.col("row"))).fill_null(False) for n in (1, -1)
    )
    words = tokens.select("word", shouted=shouted, beside=beside).filter("shouted")
    return words.group_by("word").agg(pl.col("beside").mean()).filter(pl.col("beside") >= 0.5)["word"]


def _names(single: pl.DataFrame, in_capitals: pl.Series) -> list[_Cluster]:
    """Names recognised by their capitals: `GitHub` and `Github`. The same word all in capitals is emphasis, not an error."""
    table = single.filter(~pl.col("form").is_in(in_capitals.implode())).with_columns(key=pl.col("lower"))
    several = table.select("key", "form").unique().group_by("key").len().filter(pl.col("len") > 1)
    clusters = _clusters(table.join(several, on="key", how="semi"), _same_name)
    return [c for c in clusters if len(next(iter(c.forms.values()))) >= _NAME_SHARE * len(c.rows)]


def _one_word(single: pl.DataFrame) -> list[_Cluster]:
    """Single words that are British and American, or a typo of a frequent word."""
    counts = single.group_by("lower").agg(pl.col("row").n_unique().alias("rows"))
    words = counts.filter(pl.col("lower").str.len_chars() >= 4)
    blocks = words.select(
        "lower",
        "rows",
        key=pl.concat_list(
            pl.col("lower").map_elements(american, return_dtype=pl.String),
            # Two letters swapped: the same first letter and the same letters overall.
            pl.col("lower").str.slice(0, 1) + pl.col("lower").str.split("").list.sort().list.join(""),
            # A doubled letter written once, or the other way round.
            pl.col("lower").map_elements(_without_doubles, return_dtype=pl.String),
        ),
    ).explode("key")
    blocks = blocks.unique().sort("lower")
    blocks = blocks.filter(pl.col("lower").n_unique().over("key") > 1)
    known = dict(words.iter_rows())
    pairs = {
        (a, b)
        for (_,), block in blocks.group_by("key", maintain_order=True)
        for a in block["lower"]
        for b in block["lower"]
        if a != b and known[a] >= known[b] and (known[a] > known[b] or a < b)
        if american(a) == american(b) or _is_typo(a, b, known[a], known[b])
    }
    majority = {b: a for a, b in sorted(pairs, key=lambda pair: (known[pair[0]], pair))}  # the most frequent one wins
    group = {**{a: a for a in majority.values()}, **majority}
    table = single.filter(pl.col("lower").is_in(list(group)))
    return _clusters(table.with_columns(key=pl.col("lower").replace_strict(group, default=None)), _other_word)


def _clusters(table: pl.DataFrame, same: Callable[[str, str], bool]) -> list[_Cluster]:
    """The forms of each key: the most frequent one, and other spellings of the same term.

    A capital at the beginning is not another spelling: sentences begin with one.
    """
    clusters = []
    rows = table.group_by("key", "form").agg("row").sort("key", "form")
    for (_,), block in rows.group_by("key", maintain_order=True):
        forms = {form: frozenset(rows_of) for form, rows_of in block.select("form", "row").iter_rows()}
        preferred = min(forms, key=lambda form: (-_weight(form, forms), form))
        others = {f: r for f, r in forms.items() if _small(f) != _small(preferred) and same(preferred, f)}
        if same is _same_term:
            # Capitals alone make headings; with another joint they make another spelling of the term. A name in code
            # (`SparseArray`) differs from the words (`sparse array`).
            others = {
                f: r for f, r in others.items() if (_joints(f) or _joints(preferred)) and not _is_code(f, preferred)
            }
            if all(form.lower() == preferred.lower() for form in others):
                continue
        if others:
            ordered = sorted(others, key=lambda form: (-len(others[form]), form))
            of_preferred = forms[preferred] | forms.get(preferred[:1].upper() + preferred[1:], frozenset())
            clusters.append(_Cluster({preferred: of_preferred, **{form: others[form] for form in ordered}}))
    return clusters


def _small(form: str) -> str:
    return form[:1].lower() + form[1:]


def _weight(form: str, forms: dict[str, frozenset[int]]) -> int:
    """The number of texts with the form; a capital that begins a sentence counts as the small letter."""
    capital = form[:1].upper() + form[1:]
    small = _small(form)
    # A capital that rarely becomes a small letter belongs to the term.
    varies = len(forms.get(small, ())) >= _SENTENCE_SHARE * len(forms.get(capital, ()))
    if form == small:
        return len(forms[form]) + (len(forms.get(capital, ())) if varies else 0)
    return len(forms[form])


def _same_term(a: str, b: str) -> bool:
    """Whether two forms of the same letters are one term: wherever they differ, both joints mean the same."""
    a, b = a.lower(), b.lower()
    if a == b:
        return True
    joints_a, joints_b = _joints(a), _joints(b)
    ends = [words for form in (a, b) for words in [_words(form)]]
    if any(words[0] in JOINERS or words[-1] in JOINERS for words in ends if len(words) > 1):
        return False
    letters = _letters(a)
    places = sorted({0, *joints_a, *joints_b, len(letters)})
    for start, place, right in zip(places, places[1:-1], places[2:], strict=False):
        first, second = letters[start:place], letters[place:right]
        pair = {joints_a.get(place, ""), joints_b.get(place, "")}
        if len(pair) > 1 and not _same_joint(pair, first, second, begins=start == 0, alone=len(places) == 3):
            return False
    return True


def _same_joint(pair: set[str], first: str, second: str, *, begins: bool, alone: bool) -> bool:
    """Whether two joints between two words mean the same; `begins`: the words begin the term; `alone`: they are all of it."""
    if pair == {" ", "-"}:
        return not (alone and second in PARTICLES)  # "to step down", but "a step-down converter"
    if pair == {"-", "/"}:
        return len(first) > 1 and len(second) > 1
    if pair == {"", "-"}:
        return first not in PREFIXES
    if pair == {"", " "}:
        verb = begins and second in PARTICLES  # "to pay back", but "low drop out"
        return not verb and min(len(first), len(second)) >= 3 and not {first, second} & JOINERS
    return False


def _joints(form: str) -> dict[int, str]:
    """The joints of a form by position, counted in letters; every kind of hyphen is `-`."""
    joints, letters = {}, 0
    for character in form:
        if character in _JOINTS:
            joints[letters] = character if character in " /" else "-"
        else:
            letters += 1
    return joints


def _letters(form: str) -> str:
    return "".join(character for character in form.lower() if character not in _JOINTS)


def _words(form: str) -> list[str]:
    return "".join(" " if character in _JOINTS else character for character in form).split()


def _same_name(a: str, b: str) -> bool:
    inner = any(first.islower() and second.isupper() for first, second in pairwise(a))
    capitals = a.isupper() and len(a) >= _NAME_CAPITALS
    return (inner or capitals) and not b.isupper()


def _is_code(form: str, preferred: str) -> bool:
    """Whether a word of the form has a capital inside while the preferred form is in small letters."""
    return preferred[1:] == preferred[1:].lower() and any(map(_has_inner_capital, _words(form)))


def _has_inner_capital(form: str) -> bool:
    return form[1:] != form[1:].lower() and not form.isupper()


def _other_word(a: str, b: str) -> bool:
    # A capital inside makes a different name: a CCompiler is no typo of a compiler.
    return a.lower() != b.lower() and _has_inner_capital(a) == _has_inner_capital(b)


def _without_doubles(word: str) -> str:
    return "".join(c for before, c in zip(" " + word, word, strict=False) if c != before)


def _is_typo(word: str, rare: str, rows: int, rare_rows: int) -> bool:
    """Two neighbouring letters swapped, or a letter doubled or not, in the middle of a long, frequent word."""
    from rapidfuzz.distance import OSA  # takes 20 ms to import, which a style check does not need

    if rows < _TYPO_FROM_ROWS or rare_rows > max(1, _TYPO_SHARE * rows) or min(len(word), len(rare)) < _TYPO_LETTERS:
        return False
    if {word, rare} in MIXED_UP or word[0] != rare[0] or word[-1] != rare[-1] or OSA.distance(word, rare) != 1:
        return False
    if len(word) == len(rare):
        return sorted(word) == sorted(rare)
    # Before an ending, a single and a double letter make two verbs: striped, stripped.
    stems = [w[: -len(end)] for w in (word, rare) for end in ("ed", "ing", "er", "ers") if w.endswith(end)]
    return not stems or _without_doubles(stems[0][-2:]) == stems[0][-2:] == stems[-1][-2:]


def _not_nested(clusters: Sequence[_Cluster]) -> list[_Cluster]:
    """The clusters that no shorter or longer one already covers."""
    ordered = sorted(clusters, key=lambda c: (len(c.key), c.key))
    unexplained = [c for n, c in enumerate(ordered) if not any(_explains(short, c) for short in ordered[:n])]
    return [c for c in unexplained if not any(_contains(long, c) for long in unexplained)]


def _explains(short: _Cluster, long: _Cluster) -> bool:
    """Whether the longer term varies only in the shorter one inside it."""
    if short.key not in long.key:
        return False
    variants = sorted({form.lower() for form in short.forms}, key=lambda form: (-len(form), form))
    inside = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, variants))})(?!\w)")
    spelled: dict[str, set[int]] = {}
    for form, rows in long.forms.items():
        text, times = inside.subn("\0", form.lower())
        if times:
            spelled.setdefault(text, set()).update(rows)
    return max(map(len, spelled.values()), default=0) >= _EXPLAINED_SHARE * len(long.rows)


def _contains(long: _Cluster, short: _Cluster) -> bool:
    """Whether the shorter term hardly ever occurs outside the longer one."""
    if long is short or short.key not in long.key:
        return False
    return len(short.rows & long.rows) >= _INSIDE_SHARE * len(short.rows)
