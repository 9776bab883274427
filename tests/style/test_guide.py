"""The guide says every rule."""

from tuneworth.style import parse_style, write_guide

STYLE = parse_style("""
name: Product line
about: One line for one product.
checks:
  - {kind: length, unit: words, min: 3, max: 25}
  - {kind: ends_with, any: ['{package}'], when: package}
  - {kind: forbidden, any: ['{part}', cheap]}
  - {kind: vocabulary, preferred: {low dropout: [LDO, Low Drop-out, low drop-out]}, level: should}
  - {kind: punctuation, end: none}
  - {kind: grounded, say: Invent nothing.}
""")


def test_the_guide_says_every_rule_in_words():
    guide = write_guide(STYLE)
    for sentence in [
        "# Product line", "One line for one product.", "Write 3 to 25 words.",
        "Where there is a package: end with the package, written as it is given.",
        'Do not write the part itself or "cheap".',
        '## Preferably\n\n- Write "low dropout", not "LDO" or "Low Drop-out".',
        "Put no full stop or other mark at the end.", "Invent nothing.",
    ]:  # fmt: skip
        assert sentence in guide


def test_the_guide_groups_rules_by_what_they_are_about():
    guide = write_guide(STYLE)
    assert guide.index("## Form") < guide.index("## Wording") < guide.index("## Facts")
