"""A provider of hosted training: its facts, its rules for files, and the values exchanged with it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from ...core import say

CURRENCY = "USD"  # of every provider here


@dataclass(frozen=True, kw_only=True)
class FileRules:
    """A provider's rules for a training file: JSON objects with chat messages, one per line, in UTF-8.

    `alternates`: after an optional system message, user and assistant must alternate. `source` is where the rules are
    published, with the day on which they were read.
    """

    least_examples: int
    most_examples: int | None
    most_bytes: int
    roles: tuple[str, ...]
    alternates: bool
    source: str


@dataclass(frozen=True)
class TrainingPrice:
    """A price per million training tokens, in USD, the minimum for a job, and the source and date of both."""

    per_million: Decimal
    source: str
    as_of: date | None = None
    minimum: Decimal = Decimal(0)


@dataclass(frozen=True)
class Upload:
    """A local file of chat lines, as it will be sent. Its name at the provider is derived from its content."""

    role: Literal["train", "validation"]
    path: Path
    sha256: str
    size: int
    lines: int

    @property
    def name(self) -> str:
        """The file's name at the provider."""
        return f"tuneworth-{self.sha256[:24]}.jsonl"


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """One job: `key` is the hash of its files, model and hyperparameters. The provider chooses values that are None."""

    key: str
    model: str
    suffix: str
    epochs: int
    evaluations: int = 0
    learning_rate: float | None = None
    rank: int | None = None
    batch_size: int | None = None

    def hyperparameters(self) -> dict[str, int | float | None]:
        """The hyperparameters that are part of the job's content."""
        return {
            "epochs": self.epochs, "evaluations": self.evaluations, "learning_rate": self.learning_rate,
            "rank": self.rank, "batch_size": self.batch_size,
        }  # fmt: skip


@dataclass(frozen=True)
class FileState:
    """Whether the provider has processed a file; `message` says why it is "bad"."""

    status: Literal["ready", "waiting", "bad"]
    message: str = ""


@dataclass(frozen=True)
class JobState:
    """The state of a job. `word` is the provider's own; `cost` (in USD) and `tokens` are None unless it states them."""

    status: Literal["running", "succeeded", "failed", "cancelled"]
    word: str
    message: str = ""
    tuned_model: str | None = None
    tokens: int | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Provider:
    """The facts of a provider; its API is in the classes of each (`Together`, `Fireworks`).

    `name` is the value of `--on`, `title` the name for messages, `key_env` the usual environment variable of its key, `preset`
    the name of the machine-hour in [roi] for serving its tuned models. `bills_validation`: whether it evaluates on the
    validation file as often as requested, and charges for it. `prices` has those base models whose price is known here.
    """

    name: str
    title: str
    base_url: str
    key_env: str
    preset: str
    bills_validation: bool
    rules: FileRules
    prices: Mapping[str, TrainingPrice]


# --- the rules for files ------------------------------------------------------------------------------------------

SHOWN = 5  # lines named for each problem
KEYS, MESSAGE_KEYS = {"messages"}, {"role", "content"}


def file_problems(
    content: bytes,
    rules: FileRules,
    *,
    role: str,
    name: Callable[[int], str] | None = None,
    tokens: Sequence[int] | None = None,
    longest_tokens: int | None = None,
) -> list[str]:
    """All problems of a training or validation file, with the numbers of the lines and the names of their pairs.

    `name` returns the name of a line by its index. `tokens` are those of each line, if known.
    """
    lines = content.split(b"\n")
    if lines and not lines[-1]:  # after the line feed of the last line
        lines.pop()
    found: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        for problem in _line_problems(line, rules):
            found.setdefault(problem, []).append(number)
        if tokens is not None and longest_tokens is not None and tokens[number] > longest_tokens:
            found.setdefault(f"has more than the {longest_tokens:,} tokens of an example", []).append(number)
    problems = list(_file_problems(len(lines), len(content), rules, role=role))
    return problems + [f"{_places(numbers, name)}: {problem}" for problem, numbers in found.items()]


def _file_problems(lines: int, size: int, rules: FileRules, *, role: str) -> Iterator[str]:
    least = rules.least_examples if role == "train" else 1
    if lines < least:
        yield f"{say.count(lines, 'example')}; expected {least} or more"
    if rules.most_examples is not None and lines > rules.most_examples:
        yield f"{lines:,} examples; expected at most {rules.most_examples:,}"
    if size > rules.most_bytes:
        yield f"{say.size(size)}; expected at most {say.size(rules.most_bytes)}"


def _line_problems(line: bytes, rules: FileRules) -> Iterator[str]:
    try:
        chat = json.loads(line.decode("utf-8"), parse_constant=_not_a_number)
    except UnicodeDecodeError:
        yield "is not UTF-8"
        return
    except (ValueError, RecursionError):
        yield "is not JSON"
        return
    if not isinstance(chat, dict) or set(chat) != KEYS or not isinstance(chat["messages"], list):
        yield 'is not an object with a list of "messages" and nothing else'
        return
    messages = chat["messages"]
    if not all(isinstance(message, dict) and set(message) == MESSAGE_KEYS for message in messages):
        yield 'has a message that is not an object with "role" and "content" and nothing else'
        return
    yield from dict.fromkeys(problem for message in messages for problem in _message_problems(message, rules))
    yield from _order_problems([message["role"] for message in messages], rules)


def _message_problems(message: dict[str, Any], rules: FileRules) -> Iterator[str]:
    role, content = message["role"], message["content"]
    if role not in rules.roles:
        yield f"has a role other than {', '.join(rules.roles)}"
    if not isinstance(content, str):
        yield "has a content that is not text"
    elif not content.strip():
        kind = f"{role} " if role in rules.roles else ""
        yield f"has an empty {kind}message"
    elif any("\ud800" <= sign <= "\udfff" for sign in content):
        yield "holds half a character (a lone surrogate)"


def _order_problems(roles: list[Any], rules: FileRules) -> Iterator[str]:
    if not roles or roles[-1] != "assistant":
        yield "does not end with an assistant message, which is what is learnt"
    if "system" in roles[1:]:
        yield "has a system message that is not the first one"
    turns = roles[1:] if roles[:1] == ["system"] else roles
    if not rules.alternates:
        if "user" not in roles:
            yield "has no user message"
    elif any(role != ("user", "assistant")[place % 2] for place, role in enumerate(turns)):
        yield "does not have user and assistant in turn, the user first"


def _places(numbers: Sequence[int], name: Callable[[int], str] | None) -> str:
    named = [f"{n + 1}" if name is None else f"{n + 1} ({name(n)})" for n in numbers[:SHOWN]]
    rest = f" and {len(numbers) - SHOWN:,} more" if len(numbers) > SHOWN else ""
    return f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(named)}{rest}"


def _not_a_number(_text: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")
