"""Answers that refuse the task: how they open, in the languages that models refuse in."""

import polars as pl

__all__ = ["REFUSAL", "refused"]

# A refusal stands at the beginning and speaks of the task: "Sorry, we do not ship to Malta" answers a customer, and
# "I can't praise this kettle enough" reviews a kettle. Rust syntax; case is ignored.
_TASK = (
    r"(?:(?:help|assist)(?: you)?(?: with)? (?:that|this|your request|such)|(?:fulfil|fulfill|complete|process|comply with) "
    r"(?:that|this|your|the|such)(?: \w+)? request|comply\b|help(?: you)?(?: with that)?[.!]?\s*\z"
    r"|provide (?:that|this|such|information|instructions|guidance|assistance|content|the requested|any (?:information"
    r"|content)"
    r"|an? (?:answer|response|description|summary)))"
)
_WRITING = (
    r"(?:write|create|generate|produce|provide|answer|do|engage in|discuss) (?:that|this|an?|any|such|content|your)\b"
)
_CANNOT = r"(?:can(?:no|['’])t|can not|am (?:unable|not able) to|['’]m (?:unable|not able) to|must decline to|won['’]t|will not)"
_SORRY = r"(?:i(?:['’]?m| am) (?:very |really |so )?sorry|sorry|my apologies|apologies|i apologi[sz]e|unfortunately)"
_AS_AI = r"(?:as an? (?:ai|artificial intelligence|language model|large language model)[^,.\n]{0,40},?\s+)"
_LINES = (
    rf"{_SORRY}[,.!]?\s+(?:but\s+)?{_AS_AI}?i\s?{_CANNOT}\s+(?:to\s+)?(?:{_TASK}|{_WRITING}|(?:help|assist)(?: you)? with\b)",
    rf"{_AS_AI}i\s?(?:{_CANNOT}|do not|don['’]t)\b",
    rf"i\s?{_CANNOT}\s+{_TASK}",
    rf"(?:{_SORRY}[,.!]?\s+(?:but\s+)?)?i (?:do not|don['’]t) have (?:enough|sufficient) information to (?:answer|write"
    rf"|create|generate|provide)\b",
    r"(?:es )?tut mir (?:sehr )?leid,?\s+(?:aber\s+)?(?:ich kann|(?:dabei|damit|das|diese anfrage) kann ich)\b[^.\n]{0,60}"
    r"\bnicht\b[^.\n]{0,20}\b(?:helfen|weiterhelfen|unterstützen|erfüllen|bearbeiten|beantworten|erstellen|schreiben)",
    r"(?:je suis (?:vraiment )?désolée?|désolée?)[,.]?\s+(?:mais\s+)?je ne (?:peux|puis) (?:malheureusement )?(?:pas )?"
    r"(?:vous |t['’]|te )?(?:aider|répondre|fournir|créer|générer|rédiger|satisfaire|écrire)\b",
    r"lo (?:siento|lamento)(?: mucho)?[,.]?\s+(?:pero\s+)?no puedo (?:ayudar(?:te|le)?|asistir(?:te|le)?|proporcionar|generar"
    r"|crear|escribir|cumplir|responder)\b",
    r"mi dispiace[,.]?\s+(?:ma\s+)?non posso (?:aiutart?[ile]*|assistert?[ile]*|fornire|creare|generare|scrivere"
    r"|soddisfare)\b",
    r"(?:desculpe|sinto muito|lamento)[,.]?\s+(?:mas\s+)?(?:eu )?não posso (?:ajudar|fornecer|criar|gerar|escrever"
    r"|atender|responder)\b",
    r"het spijt me[,.]?\s+(?:maar\s+)?(?:ik kan|(?:daar|hier) kan ik)\b[^.\n]{0,50}\bniet\b[^.\n]{0,20}\b(?:helpen"
    r"|beantwoorden|schrijven)",
    r"(?:很?抱歉|对不起|對不起)[，,。！]?\s*(?:但是?)?我(?:无法|無法|不能)(?:提供|回答|协助|協助|帮助|幫助|满足|滿足|生成|完成|为您|為您)",
    r"申し訳(?:ありません|ございません)[^。\n]{0,40}(?:お手伝い|お答え|対応|提供|お応え)[^。\n]{0,12}(?:できません|できかねます|いたしかねます)",
)  # fmt: skip
REFUSAL = rf"(?i)\A\s*(?:{'|'.join(_LINES)})"


def refused(outputs: pl.Series) -> pl.Series:
    """Where an output opens with a refusal to do the task."""
    return outputs.str.contains(REFUSAL)
