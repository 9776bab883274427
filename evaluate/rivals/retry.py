"""Prompting a model again for outputs that break rules, with its own output and the broken rules named."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ...style import StyleSchema, check_sentence, explain
from ..outputs.prompts import Chat, prompts_of
from ..outputs.table import OUTPUT_SCHEMA, Raw
from ..scores.score import SHARES, samples_of, score_outputs
from .names import retry_name

_MOST_PLACES = 3  # violations of one rule that are shown; more do not say more about the rule
_SUMS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "seconds")
# What is said of an output that fails as a whole; what it breaks besides says nothing.
_WHOLE = {
    "no output": "The last answer to this request was empty. Write the answer.",
    "empty output": "The last answer to this request was empty. Write the answer.",
    "refused": "That does not answer the request. Write the answer that it asks for, and nothing else.",
    "cut at the token limit": "That answer was too long and was cut off. Write a shorter answer that ends on its own.",
}


@dataclass(frozen=True)
class Again:
    """One more call for an output: the place of its row, its pair, its sample, the number of the call, and the chat."""

    row: int
    id: str
    sample: int
    call: int
    chat: Chat


# The outputs of these calls, in their order (columns of OUTPUT_SCHEMA); a call that failed has an `error`.
Ask = Callable[[Sequence[Again]], pl.DataFrame]
Fits = Callable[[Sequence[Chat]], Sequence[bool]]
Allow = Callable[[Sequence[Again]], bool]


@dataclass(frozen=True)
class Retried:
    """The outputs after the retries, with sums over all calls; `raw.calls` has their number for each row.

    `asked` outputs were asked for again, `fixed` of them are acceptable now; `no_room` broke rules, but the chat that
    names them does not fit the model's context.
    """

    raw: Raw
    asked: int
    fixed: int
    no_room: int


def ask_again(
    raw: Raw,
    pairs: pl.DataFrame,
    style: StyleSchema,
    *,
    ask: Ask,
    tries: int,
    repeats: bool,
    prompts: Sequence[Chat] | None = None,
    fits: Fits | None = None,
    allow: Allow | None = None,
) -> Retried | None:
    """Ask for outputs that are not acceptable again, up to `tries` calls each, the one of `raw` included.

    The output of an item is the first acceptable one, else the last one. Tokens and seconds are sums over its calls;
    unknown counts stay unknown. An output that never arrived, or could not be scored, is not asked for again, and a
    further call that fails leaves the output as it was. With `repeats`, the same chat gives the same output (temperature
    0), so that an item ends when it repeats one. `prompts` are the first chats of the pairs, by default those of the
    variant; `fits` says which chats leave room for an answer. `allow` sees the first further calls before they are made;
    None if it refuses them.
    """
    state = _State(raw, pairs, style, prompts)
    for call in range(2, tries + 1):
        wanted = state.wanted(call, fits)
        if not wanted:
            break
        if call == 2 and allow is not None and not allow(wanted):
            return None
        state.take(wanted, ask(wanted), repeats=repeats)
    return state.result()


class _State:
    """The latest output of each row, with its scores, while calls are made."""

    def __init__(self, raw: Raw, pairs: pl.DataFrame, style: StyleSchema, prompts: Sequence[Chat] | None) -> None:
        self._raw, self._pairs, self._style = raw, pairs, style
        self._samples = samples_of(raw.outputs["id"])
        self._prompts = prompts_of(raw.variant, pairs) if prompts is None else prompts
        self._rows = raw.outputs.rows(named=True)
        self._calls = [1] * len(self._rows)
        self._scored = self._scores(range(len(self._rows)), raw.outputs)
        self._open = [row for row, scored in enumerate(self._scored) if scored["acceptable"] is False]
        self._seen = [{row["output"]} for row in self._rows]
        self._no_room: set[int] = set()

    def wanted(self, call: int, fits: Fits | None) -> list[Again]:
        """The next call for each open output; its chat is shorter, or the call is not made, where there is no room."""
        chats = dict(zip(self._open, map(self._chat, self._open), strict=True))
        if fits is not None:
            for shorten in (True, False):
                over = [row for row, fit in zip(chats, fits(list(chats.values())), strict=True) if not fit]
                for row in over:
                    if shorten:
                        chats[row] = self._chat(row, shown=False)
                    else:
                        del chats[row]
                        self._no_room.add(row)
        self._open = list(chats)
        rows = self._rows
        return [Again(row, rows[row]["id"], rows[row]["sample"], call, chat) for row, chat in chats.items()]

    def take(self, wanted: Sequence[Again], answers: pl.DataFrame, *, repeats: bool) -> None:
        """Note the answers, and which outputs are still to be asked for."""
        places = [again.row for again in wanted]
        scored = self._scores(places, answers)
        self._open = []
        for row, answer, score in zip(places, answers.iter_rows(named=True), scored, strict=True):
            if answer["error"] is not None:
                continue
            sums = {name: _sum(self._rows[row][name], answer[name]) for name in _SUMS}
            kept = {name: self._rows[row][name] for name in ("id", "variant", "sample")}
            self._rows[row] = {**answer, **sums, **kept}
            self._scored[row] = score
            self._calls[row] += 1
            again = repeats and answer["output"] in self._seen[row]
            self._seen[row].add(answer["output"])
            if score["acceptable"] is False and not again:
                self._open.append(row)

    def result(self) -> Retried:
        raw, calls = self._raw, pl.Series("calls", self._calls, dtype=pl.Int64)
        name = retry_name(raw.variant.name)
        table = pl.DataFrame(self._rows, schema=OUTPUT_SCHEMA).with_columns(variant=pl.lit(name))
        mean = sum(self._calls) / len(self._calls) if self._calls else 1.0

        def per_request(tokens: int | None) -> int | None:
            return None if tokens is None else round(tokens * mean)

        more = calls > 1
        acceptable = pl.Series([scored["acceptable"] for scored in self._scored], dtype=pl.Boolean)
        found = replace(
            raw,
            variant=replace(raw.variant, name=name, way="retry", of=(raw.variant.name,)),
            outputs=table,
            fixed_tokens=None if raw.fixed_tokens is None else raw.fixed_tokens * mean,
            guide_tokens=per_request(raw.guide_tokens),
            few_shot_tokens=per_request(raw.few_shot_tokens),
            calls=calls,
        )
        return Retried(found, int(more.sum()), int((more & acceptable.fill_null(False)).sum()), len(self._no_room))

    def _scores(self, rows: Sequence[int], outputs: pl.DataFrame) -> list[dict[str, Any]]:
        """The scores of outputs for these rows, each as an item of its own."""
        ids = pl.Series("id", list(map(str, range(len(outputs)))), dtype=pl.String)
        pairs = self._pairs[[row // self._samples for row in rows]].with_columns(ids)
        scores = score_outputs(
            pairs, outputs.with_columns(ids), self._style, count_tokens=self._raw.count_tokens,
            repair=self._raw.variant.settings.repair,
        )  # fmt: skip
        return scores.table.select("output", *SHARES, "violations").rows(named=True)

    def _chat(self, row: int, *, shown: bool = True) -> Chat:
        """The first chat, the latest output as it was checked, and what is wrong with it.

        An empty output is no turn of its own, which many chat templates refuse; nor is one that is not `shown`.
        """
        first, scored = self._prompts[row // self._samples], self._scored[row]
        text, wrong = scored["output"] or "", what_is_wrong(scored["violations"], self._style)
        if shown and text.strip():
            return [*first, {"role": "assistant", "content": text}, {"role": "user", "content": wrong}]
        request = first[-1]["content"]
        return [*first[:-1], {"role": "user", "content": f"{request}\n\n{wrong}"}]


def what_is_wrong(violations: Sequence[Mapping[str, Any]], style: StyleSchema) -> str:
    """The user's turn that asks for another answer: the must rules that the last one breaks, in the words of the style.

    `violations` are those of one output, the failure of the whole output first (`VIOLATION` of the scores).
    """
    if violations and (whole := _WHOLE.get(violations[0]["check"])):
        return whole
    by_check: dict[str, list[str]] = {}
    checks = {check.id: check for check in style.checks if check.level == "must"}
    for one in violations:
        if one["check"] in checks:
            said = explain(checks[one["check"]], one["found"], one["expected"])
            by_check.setdefault(one["check"], []).append(said.removeprefix(f"{one['check']}: "))
    lines = []
    for id, places in by_check.items():
        shown = "; ".join(dict.fromkeys(places[:_MOST_PLACES]))
        lines.append(f"- {check_sentence(checks[id])} In your answer: {shown}.")
    rules = "this rule" if len(lines) == 1 else "these rules"
    return "\n".join(
        [
            f"Your last answer breaks {rules}:",
            *lines,
            "Write the whole answer again and keep every rule. Write nothing else.",
        ]
    )


def _sum(first: Any, second: Any) -> Any:
    return None if first is None or second is None else first + second
