"""Writes Ollama's Modelfile.

Its values end where a quoted text ends before a white space, there are no escapes, and characters that Go does not call
printable are dropped (ollama/ollama, parser/parser.go, v0.33.0-rc2 of 2026-08-21). So a value that cannot be written is
refused here, and templates are written without such characters (`go_literal`).
"""

from collections.abc import Iterator, Sequence

from ...core import ModelError

__all__ = ["modelfile"]


def modelfile(
    source: str,
    *,
    template: str,
    stops: Sequence[str],
    context: int,
    max_tokens: int,
    temperature: float,
    adapter: str | None = None,
) -> str:
    """The Modelfile for a model in `source`, a file or folder next to the Modelfile; `adapter` is a file with a LoRA for it.

    Raises: ModelError for a text that a Modelfile cannot hold.
    """
    return "".join(f"{line}\n" for line in _lines(source, template, stops, context, max_tokens, temperature, adapter))


def _lines(
    source: str,
    template: str,
    stops: Sequence[str],
    context: int,
    max_tokens: int,
    temperature: float,
    adapter: str | None,
) -> Iterator[str]:
    yield f"FROM {_value(source)}"
    if adapter is not None:
        yield f"ADAPTER {_value(adapter)}"
    yield ""
    yield f'TEMPLATE """{_checked(template)}"""'
    yield ""
    yield "# As at judging. Some versions of Ollama penalise repetitions unless they are told not to."
    yield f"PARAMETER temperature {temperature:g}"
    yield "PARAMETER repeat_penalty 1"
    if temperature:  # drawn from all tokens, as at judging
        yield from ("PARAMETER top_k 0", "PARAMETER top_p 1", "PARAMETER min_p 0")
    yield f"PARAMETER num_predict {max_tokens}"
    yield f"PARAMETER num_ctx {context}"
    for stop in stops:
        yield f"PARAMETER stop {_value(stop)}"


def _value(text: str) -> str:
    quotes = '"""' if '"' in text or "\n" in text else '"'
    return f"{quotes}{_checked(text)}{quotes}"


def _checked(text: str) -> str:
    """The text, if a reader of Modelfiles gives it back."""
    lost = next((letter for letter in text if not letter.isprintable() and letter not in "\n\t"), None)
    if lost is not None or '"""' in text:
        what = f"the character U+{ord(lost):04X}" if lost is not None else "three quotation marks in a row"
        raise ModelError(
            f"A Modelfile cannot hold {what}, which is in {text[:80]!r}.\n"
            "Serve the model with llama.cpp or vLLM instead: --format llama.cpp, --format vllm."
        )
    return text
