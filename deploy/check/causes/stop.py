"""A stop that the server does not know: its answers go on after the end of the judged ones."""

import polars as pl

from ....core import say
from ..seen import Seen
from .cause import Cause

__all__ = ["stop"]

LEAST, SHARE = 2, 0.1  # answers; a rounding difference at the last token makes one go on now and then
TURN = r"^\s*(?:<\|?/?\w+\|?>|assistant\b|user\b|###|\[INST\]|Human:|User:)"


def stop(seen: Seen) -> Cause | None:
    """Claimed if a tenth of the answers hold the text that ends a turn, or start as the judged ones and go on after their end."""
    rows = _rows(seen)
    marked, further = rows.filter("marked"), rows.filter("further")
    gone = rows.filter(pl.col("marked") | pl.col("further"))
    if len(gone) < max(LEAST, SHARE * len(rows)):
        return None
    cut = gone.filter(pl.col("served_finish") == "length")
    turns = further.filter("turn")
    what = []
    if len(marked):
        what.append(f'{len(marked):,} hold the text that ends a turn ("{marked["mark"][0]}")')
    if len(further):
        what.append(
            f"{len(further):,} repeat the judged answer and go on"
            + (f", {len(turns):,} with a further turn" * bool(len(turns)))
        )
    if len(cut):
        what.append(f"{len(cut):,} run into the token limit")
    return Cause(
        "stop",
        f"The server does not stop at the end of an answer: of {say.count(len(rows), 'answer')}, {'; '.join(what)}.",
        _advice(seen),
        {
            "answers": len(rows),
            "marked": len(marked),
            "further": len(further),
            "turns": len(turns),
            "at_limit": len(cut),
        },
    )


def _rows(seen: Seen) -> pl.DataFrame:
    """The answered rows, with the mark that they hold, whether they go on after the judged text, and with a further turn."""
    names = [] if seen.marks is None else list(dict.fromkeys([seen.marks.end_of_turn, *seen.marks.controls]))
    rows, ended = seen.answered, pl.col("recorded_finish").fill_null("stop") == "stop"
    texts = list(rows.select("recorded", "served").iter_rows())
    marks = [
        next((name for name in names if name in served and name not in recorded), None) for recorded, served in texts
    ]
    rests = [_rest(recorded, served) for recorded, served in texts]
    return rows.with_columns(
        mark=pl.Series(marks, dtype=pl.String), rest=pl.Series(rests, dtype=pl.String)
    ).with_columns(
        marked=pl.col("mark").is_not_null(), further=pl.col("rest").is_not_null() & ended,
        turn=pl.col("rest").fill_null("").str.contains(TURN),
    )  # fmt: skip


def _rest(recorded: str, served: str) -> str | None:
    """What the served text has after the whole judged one; None if it does not start with it."""
    recorded = recorded.strip()
    served = served.lstrip()
    if not recorded or not served.startswith(recorded) or not served[len(recorded) :].strip():
        return None
    return served[len(recorded) :]


def _advice(seen: Seen) -> str:
    mark = f' "{seen.marks.end_of_turn}"' if seen.marks else ""
    return (
        f"Set the token that ends a turn{mark} as the model's end token: eos_token_id in generation_config.json, "
        "tokenizer.ggml.eos_token_id in a GGUF file, PARAMETER stop in a Modelfile; or send it as stop with each request."
    )
