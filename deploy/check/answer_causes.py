"""Causes of a difference in what the server generates: limit, stop, thoughts, sampling, and the weights themselves."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from rapidfuzz.fuzz import ratio

from ...core import say
from .observations import Cause, Observations, is_noisier, parting, rounding_noise
from .prompt_causes import find_context


def find_limit(observed: Observations) -> Cause | None:
    """Claimed if answers are cut at the same number of tokens, below the limit that was sent, and none is longer."""
    rows = observed.answered.filter(pl.col("served_tokens").is_not_null())
    cut = rows.filter((pl.col("served_finish") == "length") & (pl.col("served_tokens") < observed.max_new_tokens - 1))
    longest = max(rows["served_tokens"].to_list(), default=0)
    if len(cut) < 2 or cut["served_tokens"].n_unique() > 1 or cut["served_tokens"][0] != longest:
        return None
    return Cause(
        "limit",
        f"The server cuts answers at {say.count(longest, 'token')}, though {observed.max_new_tokens:,} are asked for: "
        f"{len(cut):,} of {say.count(len(rows), 'answer')} {'is' if len(cut) == 1 else 'are'} cut there.",
        f"Raise the server's limit of generated tokens (n_predict, num_predict, max_new_tokens) to {observed.max_new_tokens:,}.",
        {"limit": longest, "asked_for": observed.max_new_tokens, "cut": len(cut), "answers": len(rows)},
    )


# --- a stop that the server does not know -------------------------------------------------------------------------

LEAST_GONE_ON, GONE_ON_SHARE = 2, 0.1  # answers; a rounding difference at the last token makes one go on now and then
TURN = r"^\s*(?:<\|?/?\w+\|?>|assistant\b|user\b|###|\[INST\]|Human:|User:)"


def find_stop(observed: Observations) -> Cause | None:
    """Claimed if a tenth of the answers hold the text that ends a turn, or start as the judged ones and go on after their end."""
    rows = _ends_of_answers(observed)
    marked, further = rows.filter("marked"), rows.filter("further")
    gone = rows.filter(pl.col("marked") | pl.col("further"))
    if len(gone) < max(LEAST_GONE_ON, GONE_ON_SHARE * len(rows)):
        return None
    cut = gone.filter(pl.col("served_finish") == "length")
    turns = further.filter("turn")
    what = []
    if len(marked):
        what.append(f'{len(marked):,} hold the text that ends a turn ("{marked["mark"][0]}")')
    if len(further):
        then = f", {len(turns):,} with a further turn" if len(turns) else ""
        what.append(f"{len(further):,} repeat the judged answer and go on{then}")
    if len(cut):
        what.append(f"{len(cut):,} run into the token limit")
    mark = f' "{observed.marks.end_of_turn}"' if observed.marks else ""
    return Cause(
        "stop",
        f"The server does not stop at the end of an answer: of {say.count(len(rows), 'answer')}, {'; '.join(what)}.",
        f"Set the token that ends a turn{mark} as the model's end token: eos_token_id in generation_config.json, "
        "tokenizer.ggml.eos_token_id in a GGUF file, PARAMETER stop in a Modelfile; or send it as stop with each request.",
        {
            "answers": len(rows),
            "marked": len(marked),
            "further": len(further),
            "turns": len(turns),
            "at_limit": len(cut),
        },
    )


def _ends_of_answers(observed: Observations) -> pl.DataFrame:
    """The answered rows, with the mark that they hold, whether they go on after the judged text, and with a further turn."""
    marks = observed.marks
    names = [] if marks is None else list(dict.fromkeys([marks.end_of_turn, *marks.controls]))
    rows, ended = observed.answered, pl.col("recorded_finish").fill_null("stop") == "stop"
    texts = list(rows.select("recorded", "served").iter_rows())
    held = [
        next((name for name in names if name in served and name not in recorded), None) for recorded, served in texts
    ]
    rests = [_rest(recorded, served) for recorded, served in texts]
    return rows.with_columns(
        mark=pl.Series(held, dtype=pl.String), rest=pl.Series(rests, dtype=pl.String)
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


# --- thoughts and sampling ----------------------------------------------------------------------------------------

THOUGHT = r"(?i)</?\s*(?:think|thinking|reasoning|thought)\s*>|<\|channel\|>\s*analysis"
THOUGHTFUL_SHARE = 0.2  # of the answers; a text about such marks is rarer


def find_thinking(observed: Observations) -> Cause | None:
    """Claimed if a fifth of the answers hold thoughts, by their marks or by the server's count, where the judged ones do not."""
    marks = pl.col("served").str.contains(THOUGHT) & ~pl.col("recorded").str.contains(THOUGHT)
    thought = observed.answered.filter(marks | (pl.col("reasoning_tokens").fill_null(0) > 0))
    if not len(thought) or len(thought) < THOUGHTFUL_SHARE * len(observed.answered):
        return None
    example = next((text[:120] for text in thought["served"] if re.search(THOUGHT, text)), None)
    return Cause(
        "thinking",
        f"The served model thinks before it answers: {len(thought):,} of {say.count(len(observed.answered), 'answer')} "
        f"{'holds' if len(thought) == 1 else 'hold'} reasoning, the judged ones none.",
        "Switch thinking off in the server's chat template (enable_thinking = false), as in training and judging.",
        {"answers": len(thought), "of": len(observed.answered), "example": example},
    )


# An honest server may give another text the second time: a product depends on what else is in its batch. At most this share of
# tokens then changes (llama.cpp with four slots: 1% of them, benchmarks/serve_check.md), and a claim needs a chance below RARE
# under it. A text that is drawn leaves the first one within a few tokens.
BY_ROUNDING, RARE = 0.02, 0.01


def find_sampling(observed: Observations) -> Cause | None:
    """Claimed if repeated requests part from their first answers earlier than rounding explains, at temperature 0."""
    from scipy.stats import binom

    if not observed.greedy or observed.again is None:
        return None
    texts = observed.again.select("first", "second").iter_rows()
    places = [parting(first, second, observed.split) for first, second in texts]
    parted = sum(place.parts for place in places)
    agreed = sum(place.agreed for place in places)
    chance = float(binom.sf(parted - 1, agreed + parted, BY_ROUNDING)) if parted else 1.0
    if chance >= RARE:
        return None
    return Cause(
        "sampling",
        f"The server draws its tokens although the temperature is 0: of {say.count(len(places), 'request')} sent twice, "
        f"{parted:,} got another text the second time, after {agreed / len(places):.0f} equal tokens on average.",
        "Let the server use the request's temperature: remove its own temperature, top_k or do_sample, or a default that "
        "overrides the request.",
        {"asked_twice": len(places), "other_text": parted, "equal_tokens": agreed, "chance_by_rounding": chance},
    )


# --- the weights --------------------------------------------------------------------------------------------------

NEARLY_SAME = 80  # of 100: where base and judged output are as similar as this, a row tells nothing
LEAST_TELLING, NEARER_SHARE = 3, 0.8  # rows that tell; of them nearer to the base model


def find_base_model(observed: Observations) -> Cause | None:
    """Claimed if four fifths of the outputs that tell the two apart are nearer to the base model's than to the judged ones."""
    if not observed.greedy:
        return None
    outputs = observed.answered.select("id", "recorded", "served").iter_rows()
    known = [(observed.base[id], recorded, served) for id, recorded, served in outputs if id in observed.base]
    telling = [row for row in known if ratio(row[0], row[1]) < NEARLY_SAME]
    nearer = sum(ratio(served, base) > ratio(served, recorded) for base, recorded, served in telling)
    same = sum(served.strip() == base.strip() for base, _, served in telling)
    if len(telling) < LEAST_TELLING or nearer < NEARER_SHARE * len(telling):
        return None
    return Cause(
        "base",
        f"The base model answers, without the adapter: of {say.count(len(telling), 'output')} that tell the two apart, "
        f"{nearer:,} {'is' if nearer == 1 else 'are'} nearer to the base model's, {same:,} of them identical.",
        "Load the run's adapter and ask for its name: --lora-modules NAME=FOLDER and model = NAME for vLLM, --lora FILE with "
        "scale 1 for llama.cpp, ADAPTER in a Modelfile; or serve the merged model.",
        {"telling": len(telling), "nearer_to_base": nearer, "same_as_base": same, "known": len(known)},
    )


# Standard deviations, in nats, of what a server adds to the margins between the judged model's tokens, measured with the
# adapter of the shipped example on 2026-11-28 (benchmarks/serve_check.md).
ROUNDING = 0.25
OTHER_WEIGHTS = 5.0  # beyond it, the weights are not the judged ones in fewer bits
FEW_BITS = 6.5  # per weight: Q8_0 has 8.5, Q6_K 6.6, Q5_K 5.7, Q4_K 4.8
LEAST_PARTED, AGREED = 3, 0.98  # rows that part; share of next tokens, where the weights are not at hand


def find_quantisation(observed: Observations) -> Cause | None:
    """Claimed if what the server adds to the judged model's margins is more than rounding and less than another model.

    Without the judged weights, claimed if the server itself declares few bits per weight and texts part often.
    """
    parted = sum(place.parts for place in observed.places)
    share, margins, bits = observed.next_token_share, observed.margins, observed.declared_bits
    if not observed.greedy or parted < LEAST_PARTED or share is None:
        return None
    noise = None if margins is None else rounding_noise(margins)
    few = bits is not None and bits < FEW_BITS
    if noise is None or margins is None:
        if not few or share >= AGREED:
            return None
    elif noise > OTHER_WEIGHTS or not is_noisier(margins, ROUNDING):
        return None
    # Only this is certain: texts alone do not tell fewer bits from another checkpoint of the same adapter.
    what = (
        f"The weights are quantised to {bits:.1f} bits, as the server says"
        if few
        else "The weights are near the judged ones and not the same, as after quantisation or at another checkpoint"
    )
    where = f"in {parted:,} of {len(observed.places):,} outputs"
    if margins is not None and len(margins.left):
        where = (
            f"where the judged model preferred its token by {float(np.median(margins.left)):.1f} nats (median), as if noise of "
            f"{noise or 0.0:.2f} nats were added to its choices; rounding adds up to {ROUNDING:g}"
        )
    return Cause(
        "quantised",
        f"{what}: {say.percent(share)} of next tokens are the judged ones, and the texts part {where}.",
        "Serve the run's own adapter, or its merged weights, in the format that was judged (bf16, F16, or Q8_0 at least); or "
        "evaluate the served model: give its address as endpoint under [evaluate.NAME].",
        {
            "noise_nats": noise,
            "rounding_nats": ROUNDING,
            "next_token_share": share,
            "parted": parted,
            "declared_bits": bits,
        },
    )


LEAST_COUNTED, SPREAD = 3, 2  # requests; tokens by which the offset of the counts may vary
OTHER_TEXTS = 0.8  # of next tokens: below it, no number format explains the difference


def find_other_model(observed: Observations) -> Cause | None:
    """Claimed if the server's token counts differ from request to request as those of another tokenizer do, or if it chooses
    other tokens where the judged model was sure."""
    offsets = observed.prompt_offsets.to_list()
    varied = len(offsets) >= LEAST_COUNTED and max(offsets) - min(offsets) > SPREAD
    if varied and find_context(observed) is None:
        return _other_model(
            f"its tokenizer counts the same requests otherwise ({min(offsets):+,} to {max(offsets):+,} tokens)",
            {"least_offset": min(offsets), "most_offset": max(offsets), "requests": len(offsets)},
        )
    share = observed.next_token_share
    noise = None if observed.margins is None else rounding_noise(observed.margins)
    if share is None or share >= OTHER_TEXTS or noise is None or noise <= OTHER_WEIGHTS:
        return None
    return _other_model(
        f"it writes the judged next token at {say.percent(share)} of places, and others even where the judged model was sure",
        {"next_token_share": share, "noise_nats": noise},
    )


def _other_model(what: str, evidence: Mapping[str, Any]) -> Cause:
    return Cause(
        "another",
        f"Another model answers: {what}.",
        "Check the model's name at the server and the files that it loads; the run's base model is stated in its model card.",
        evidence,
    )
