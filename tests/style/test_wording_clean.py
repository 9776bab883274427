"""Leftovers and refusals: sentences that look like them, and such that are some."""

import polars as pl
import pytest

from tuneworth.style import check_outputs, parse_style, refused

CLEAN = parse_style("checks: [{kind: clean}]")


def found(output: str, request: str = "", style=CLEAN) -> list[tuple[str, str]]:
    """What was found in one output, and the sort of each."""
    violations = check_outputs(pl.DataFrame({"output": [output], "input": [request]}), style).violations
    for start, end, text in violations.select("start", "end", "found").iter_rows():
        assert output[start:end] == text
    return violations.select("found", "expected").rows()


INNOCENT = [
    "See [Company website](https://example.org) for more",
    "Sure-grip handle for wet hands",
    "Sure, it is small, but it carries 20 litres.",
    "Certainly the best kettle we sell.",
    "Absolutely! The softest blanket you will own.",
    "Of course, quality has its price.",
    "Here are the facts: 12 V, 3 A, 40 W.",
    "Here is the kettle that started it all.",
    "Here are three reasons to buy:\n- light\n- quiet\n- cheap",
    "Feel free to roam with these wireless headphones.",
    "Let me know if the parcel does not arrive.",
    "Positioned itself as an AI company in 2019.",
    "Use it as an AI assistant for your nurses.",
    "AI: the future of work, in twelve chapters",
    "User: admin, password: see the manual",
    "System: 12 V, 24 V or 48 V",
    "Assistant manager, full time",
    "A TODO list app that syncs",
    "Todo el mundo lo sabe",
    "TODO INCLUIDO en Mallorca",
    "Super Bowl XXX was played in Tempe.",
    "Chapter XXX: The return",
    "A pint of Castlemaine XXXX",
    "Shirt, size XXXL, cotton",
    "AP2112K-xxx low dropout regulator",
    "See example.xxx/page for the .xxx domain",
    "LM78xxx family of regulators",
    "Use {{ and }} to mark variables.",
    "token: ${{ secrets.TOKEN }}",
    "See the [link](https://example.org) for more",
    "[Product recall] Kettle, series 7",
    "Wash at 30 [see label]",
    "SÃO PAULO, NÃO FUMAR",
    "La MAÇÃ é vermelha",
    "Âge: 12 ans, Île-de-France",
    "Wavelength in Å², 5 Å·nm, Ångström",
    "Ðuro and Ñandú are names",
    "pâté, crème brûlée, naïveté",
    "Ä und Ö sind Umlaute",
    "Unfortunately, we do not stock this size any more.",
    "Sorry, we don't ship to Malta.",
    "I'm sorry, I can't make it tonight.",
    "I can't praise this kettle enough.",
    "I cannot write a bad word about this camera.",
    "I can't access my account since Monday.",
    "I'm sorry to hear that your parcel is late.",
    "Lo siento mucho por su pérdida.",
    "Es tut mir leid, dass die Lieferung so lange dauert.",
    "Je suis désolé pour le retard.",
    "Cannot be used with induction hobs",
    "I will not give it back, it is that good",
    "Use `a` or ``b`` in the shell",
    "Response: 20 Hz to 20 kHz",
    "### Response time\n5 ms",
    "Ask for more, not less <today>",
    "The <b>bold</b> one",
    "Price: $20.00, was $30",
    "Model XX-1, colour red",
    "Let me know if you have questions about the offer.",
    "My training as a nurse helped",
    "Sure enough, it fits.",
    "Absolutely no sugar",
    "Release TBD-7 fixes the pump",
    "Here's a summary of the law in three parts.",
    "Think <thin> and light",
    "[2019] 3 WLR 1",
    "I am an AI researcher at heart and a baker by trade",
]


@pytest.mark.slow
@pytest.mark.parametrize("output", INNOCENT)
def test_an_ordinary_sentence_is_no_leftover(output):
    assert found(output) == []


GUILTY = {
    "no assistant phrases": [
        "Sure, here it is",
        "Sure! Here's a description:\nA kettle",
        "Certainly! I can help with that. A kettle",
        "Of course! Below is the text. A kettle",
        "Absolutely!\nA fine kettle",
        "Here is the rewritten description: A kettle",
        "Here's a catalogue description for the part:\nDiode",
        "Here is a revised version: Diode",
        "Here is a line based on your input. Diode",
        "Here are the results you requested. Diode",
        "Diode. As an AI language model, I have no taste.",
        "As an AI, I think it is fine",
        "I'm an AI language model and like diodes",
        "Diode. I hope this helps!",
        "Diode. Let me know if you'd like me to change it.",
        "Diode. Let me know if you need any changes!",
        "Diode. Feel free to adjust this as needed.",
        "Diode. Would you like me to add more detail?",
        "Diode<|im_end|>",
        "[INST] Diode [/INST]",
        "<<SYS>> Diode",
        "Diode<end_of_turn>",
        "<think>hm</think>Diode",
        "### Response:\nDiode",
        "Assistant: Diode",
        "My knowledge cutoff is 2023.",
    ],
    "no fences": [
        "```json\n{}\n```",
    ],
    "no placeholders": [
        "Lorem ipsum dolor",
        "Dear {{ customer_name }},",
        "Call [insert phone] now",
        "Kind regards, [Your Name]",
        "by [Company Name]",
        "the [product name] is great",
        "[Insert price here]",
        "Price: [price here]",
        "Only $XX.XX today",
        "Call XXX-XXX-XXXX",
        "on XX/XX/XXXX",
        "costs xxx EUR",
        "TODO: write it",
        "A kettle (TODO add colour)",
        "[TODO]",
        "Price TBD",
        "<your name>",
    ],
    "no mojibake": [
        "CafÃ© au lait",
        "Itâ€™s fine",
        "20 Â°C",
        "a � b",
        "ï»¿Diode",
        "ÐŸÑ€Ð¸Ð²ÐµÑ‚",
        "nice ðŸ˜€",
        "NiÅ¾ a ÄŒ",
        "GroÃŸe",
    ],
    "no refusal": [
        "I'm sorry, but I can't help with that",
        "I’m sorry, but I can’t assist with that request.",
        "I cannot fulfill this request.",
        "Sorry, I can't write a description of that.",
        "I am unable to provide information on weapons.",
        "I can't help with that.",
        "As an AI language model, I cannot do it",
        "Unfortunately, I am unable to generate content of that kind",
        "I apologize, but I cannot provide that.",
        "I'm sorry, I don't have enough information to write a description.",
        "I won't help with that.",
        "I'm unable to assist with this.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Mi dispiace, ma non posso aiutarti.",
        "Desculpe, mas não posso ajudar com isso.",
        "Het spijt me, maar daar kan ik niet mee helpen.",
        "抱歉，我无法提供这方面的帮助。",
        "申し訳ありませんが、そのご依頼には対応できません。",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize(("sort", "output"), [(sort, text) for sort, texts in GUILTY.items() for text in texts])
def test_a_leftover_is_found_and_named(sort, output):
    assert sort in [expected for _, expected in found(output)]


def test_a_refusal_counts_at_the_beginning_alone():
    outputs = pl.Series(["I can't help with that.", "It says: I can't help with that.", ""])
    assert refused(outputs).to_list() == [True, False, False]


REQUEST = "keywords: amplifier differential optical\npins: 8\npackage: SOIC-8"
ECHOES = [
    ("Amplifier.\n" + REQUEST, REQUEST, ["keywords: amplifier differential optical"]),
    ("Amplifier.\nkeywords: amplifier differential optical", REQUEST, []),  # one line of three: the output may say it too
    ("Amplifier, SOIC-8", REQUEST, []),
    ("Describe this red kettle in one line.\nA kettle", "Describe this red kettle in one line.",
     ["Describe this red kettle in one line."]),
    ("The quick brown fox is quick.\nMore", "The quick brown fox is quick.", []),  # a text that is edited, no order
    ("A kettle", "A kettle", []),
]  # fmt: skip


@pytest.mark.parametrize(("output", "request_text", "lines"), ECHOES)
def test_an_echo_is_half_of_the_request_or_an_order(output, request_text, lines):
    assert [text for text, _ in found(output, request_text)] == lines


@pytest.mark.parametrize("allowed", ["placeholders", "tbd", "TBD"])
def test_what_is_allowed_is_no_leftover(allowed):
    style = parse_style(f"checks: [{{kind: clean, allow: [{allowed}]}}]")
    assert found("Price TBD", style=style) == []
    assert found("Sure! Here you are", style=style) != []
