"""Constraints on an output: the JSON Schema of the style or its pattern of the whole text, enforced token by token."""

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...core import ConfigError, ModelError
from ...style import StyleSchema

if TYPE_CHECKING:
    import llguidance
    from torch import Tensor

# Between two parts of a JSON text: enough for any indentation, and an end to the white space that small models repeat.
SPACE = r"\n?[ \t]{0,40}"
SLOT = re.compile(r"(?<!\\)(?<!\\[pPxuU])\{[^\W\d][^{}]*\}")  # `{field}` in a pattern: another one for each request
INSTALL = "Install with: pip install 'tuneworth[constrained]'"


@dataclass(frozen=True)
class Constraint:
    """What each output must be: JSON that fits a schema, or a text that a pattern (Rust syntax) matches as a whole.

    text: the schema as JSON, or the pattern. check: the id of the style's check that it comes from.
    """

    kind: Literal["json", "regex"]
    text: str
    check: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings of a request to an endpoint.

        `response_format` is OpenAI's, which most servers know. Patterns are known to vLLM alone, under this name since
        its version 0.12.
        """
        if self.kind == "regex":
            return {"structured_outputs": {"regex": self.text}}
        schema = json.loads(self.text)
        if schema in ({}, True):
            return {"response_format": {"type": "json_object"}}
        named = {"name": "output", "schema": schema, "strict": _is_closed(schema)}
        return {"response_format": {"type": "json_schema", "json_schema": named}}

    @property
    def grammar(self) -> str:
        """The constraint as a grammar of llguidance."""
        from llguidance import LLMatcher

        if self.kind == "regex":
            return LLMatcher.grammar_from_regex(self.text)
        return LLMatcher.grammar_from_json_schema(self.text, overrides={"whitespace_pattern": SPACE})


def _is_closed(schema: Any) -> bool:
    """Whether each object of the schema requires all its keys and allows no others, as OpenAI's strict mode demands."""
    if isinstance(schema, list):
        return all(map(_is_closed, schema))
    if not isinstance(schema, dict):
        return True
    if "properties" in schema or schema.get("type") == "object":
        keys = set(schema.get("properties", {}))
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != keys:
            return False
    return all(map(_is_closed, schema.values()))


def constraint_of(style: StyleSchema) -> Constraint | None:
    """The constraint that the style's must rules put on the whole output: the first JSON Schema, else the first pattern.

    None if no rule does. Raises: ConfigError if there is only a pattern that is another one for each request.
    """
    whole = [check for check in style.checks if check.level == "must" and not (check.when or check.each or check.part)]
    for check in whole:
        if check.kind == "json":
            return Constraint("json", json.dumps(check.parameters.schema, ensure_ascii=False), check.id)
    patterns = [check for check in whole if check.kind == "pattern" and check.parameters.whole]
    if fixed := [check for check in patterns if not SLOT.search(check.parameters.regex)]:
        first = fixed[0]
        regex = first.parameters.regex
        return Constraint("regex", f"(?i){regex}" if first.ignore_case else regex, first.id)
    if patterns:
        raise ConfigError(f'the pattern "{patterns[0].id}" depends on the fields of each request')
    return None


def check_constraint(constraint: Constraint) -> None:
    """Check that models on this machine can be held to the constraint.

    Raises: ConfigError if the library is missing, or with what it cannot express.
    """
    if find_spec("llguidance") is None:
        raise ConfigError(f"constrained decoding needs llguidance\n{INSTALL}")
    from llguidance import LLMatcher

    problem = LLMatcher.validate_grammar(constraint.grammar)
    if problem and not problem.startswith("WARNING"):
        raise ConfigError(f'the check "{constraint.check}" cannot guide a model: {_reason(problem)}')


def _reason(problem: str) -> str:
    """The library's reason in one line, without its drawing of the place."""
    lines = [line.strip() for line in problem.splitlines() if "|" not in line]
    return re.sub(r"^at \d+\(\d+\): ", "", " ".join(filter(None, lines)))[:200]


class TokenGuide:
    """Which tokens may come next, for rows that are generated together; each row has a state of its own.

    The stop tokens are allowed where the output so far is complete, and only there.
    """

    def __init__(self, constraint: Constraint, tokenizer: Any, *, stops: Collection[int], vocabulary: int) -> None:
        check_constraint(constraint)
        from llguidance import LLMatcher
        from llguidance.hf import from_tokenizer

        self._stops, self._constraint = frozenset(stops), constraint
        tokens = from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=sorted(self._stops))
        self._first = LLMatcher(tokens, constraint.grammar, log_level=0)
        self._rows: list[llguidance.LLMatcher] = []

    def begin(self, rows: int) -> None:
        """Start that many outputs."""
        self._rows = [self._first.deep_copy() for _ in range(rows)]

    def allow(self, logits: "Tensor", rows: Sequence[int], *, done: Callable[[int], bool]) -> "Tensor":
        """The logits `(rows, vocabulary)` of these rows, -inf for every token that may not come next.

        Raises: ModelError if an output became too complex for the library.
        """
        import torch
        from llguidance.numpy import fill_next_token_bitmask

        bits = np.full((len(rows), -(-logits.shape[-1] // 32)), -1, dtype=np.int32)
        for place, row in enumerate(rows):
            if not done(row):
                fill_next_token_bitmask(self._rows[row], bits, place)
                self._check(row)
        allowed = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")[:, : logits.shape[-1]]
        return logits.masked_fill(torch.from_numpy(allowed == 0).to(logits.device), float("-inf"))

    def take(self, row: int, token: int) -> None:
        """Add the token to the row's output."""
        self._rows[row].consume_token(token)
        self._check(row)

    def _check(self, row: int) -> None:
        if self._rows[row].is_error():
            reason = _reason(self._rows[row].get_error())
            raise ModelError(f'the check "{self._constraint.check}" cannot guide the model: {reason}')
