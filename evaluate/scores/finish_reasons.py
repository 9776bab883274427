"""Why an output ended, in one word for all providers."""

from typing import Any

__all__ = ["CUT", "HELD_BACK", "KNOWN", "finish_word"]

CUT, HELD_BACK = "length", "content_filter"
KNOWN = {
    "stop": ("stop", "stop_sequence", "end_turn", "eos", "eos_token", "complete", "completed", "finish"),
    CUT: ("length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit",
          "model_context_window_exceeded", "context_length_exceeded"),
    HELD_BACK: ("content_filter", "content_filtered", "safety", "refusal", "recitation", "blocklist",
                "prohibited_content", "guardrail_intervened", "error_toxic"),
    "tool_calls": ("tool_calls", "tool_call", "tool_use", "function_call"),
}  # fmt: skip
_WORD = {word: reason for reason, words in KNOWN.items() for word in words}


def finish_word(value: Any) -> str | None:
    """stop, length, content_filter or tool_calls where the provider's word is known; else the word as it is.

    >>> finish_word("MAX_TOKENS"), finish_word("FinishReason.STOP"), finish_word("end_turn"), finish_word("")
    ('length', 'stop', 'stop', None)
    """
    text = str(value).strip() if value is not None else ""
    # Enums of client libraries print with the name of their class.
    return _WORD.get(text.rpartition(".")[2].casefold(), text) or None
