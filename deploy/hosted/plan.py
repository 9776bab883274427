"""Plans training at a provider, before anything is sent: files checked by the provider's rules, bill, warnings."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ...core import ConfigError, DataError, host_of, is_near, is_on_this_machine, say
from ...curate import chat_lines, mask_text
from ...evaluate import MASK_ADVICE, personal_data_sent
from ...project import PROJECT_FILE, HostedSettings, Project, Run, training_pairs
from ...train import usual_epochs
from .bill import Bill, TokenCount, count_tokens, make_bill, price_doubts, price_for
from .fireworks import Fireworks
from .job import job_key
from .provider import JobRequest, Provider, Upload, file_problems
from .text import plan_text
from .together import Together

PROVIDERS = ("together", "fireworks")
EXAMPLE = {"together": "Qwen/Qwen3-8B", "fireworks": "accounts/fireworks/models/qwen3-8b"}
RULE_BATCH = 8  # pairs per step that the rule for epochs assumes; providers choose their own


@dataclass(frozen=True, repr=False)
class HostedPlan:
    """What training at a provider would send and cost; nothing was sent or written.

    `contents` are the bytes of each file by role, `dropped` the pairs that exceed the maximum length of an example.
    """

    run: Run
    provider: Together | Fireworks
    request: JobRequest
    uploads: Sequence[Upload]
    contents: dict[str, bytes]
    bill: Bill
    dropped: list[dict[str, Any]]
    epochs_by_rule: bool
    warnings: list[str]

    @property
    def host(self) -> str:
        """The host that receives the files."""
        return host_of(self.provider.base_url)

    def data(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "run": str(self.run.folder), "provider": self.provider.name, "title": self.provider.title, "host": self.host,
            "model": self.request.model, "key": self.request.key, **self.request.hyperparameters(),
            "epochs_by_rule": self.epochs_by_rule,
            "files": {one.role: {"name": one.name, "examples": one.lines, "bytes": one.size} for one in self.uploads},
            "bill": self.bill.data(), "rules": self.provider.rules.source,
            "dropped": self.dropped, "warnings": self.warnings, "preset": self.provider.preset,
        }  # fmt: skip

    def __str__(self) -> str:
        return plan_text(self.data())

    def __repr__(self) -> str:
        return str(self)


def hosted_folder(run: Run) -> Path:
    """The folder of a run for its job, its files and the fetched results."""
    return run.folder / "train" / "hosted"


def provider_of(project: Project, name: str) -> Together | Fireworks:
    """The named provider, with the project's address and account.

    Raises: ConfigError if there is no such provider, or `[train.hosted]` lacks what it needs.
    """
    from .together import Together

    if name not in PROVIDERS:
        raise ConfigError(f'there is no provider "{name}"; expected {", ".join(PROVIDERS)}')
    settings, file = project.hosted, project.folder / PROJECT_FILE
    if settings is None or not settings.model:
        raise ConfigError(
            f"{file}: [train.hosted] names no model\nAdd a table [train.hosted] with the base model to tune there, such as "
            f'model = "{EXAMPLE[name]}".'
        )
    if name == "fireworks" and settings.account is None:
        raise ConfigError(
            f'{file}: [train.hosted] names no account\nAdd account = "ID", the id that `firectl whoami` prints.'
        )
    made = Together() if name == "together" else Fireworks(account=str(settings.account))
    if settings.base_url is None:
        return made
    return replace(made, base_url=settings.base_url.rstrip("/"))  # type: ignore[type-var]


def plan_job(run: Run, on: str, *, drop_long: bool, attempt: int, today: date) -> HostedPlan:
    """The plan of training on this run's pairs at a provider.

    Raises: ConfigError for settings, a missing price and personal data; DataError with every problem of the files.
    """
    project = run.project
    provider = provider_of(project, on)
    settings = project.hosted
    assert settings is not None
    price = price_for(provider, settings.model, settings.price)
    train, validation = training_pairs(run, project.train)
    tables = {"train": train, **({"validation": validation} if settings.validation and len(validation) else {})}
    files = {role: _file_of(role, table, project, settings) for role, table in tables.items()}
    longest = settings.longest_tokens
    dropped: list[dict[str, Any]] = []
    if longest is not None and (drop_long or project.train.drop_long):
        for role, file in files.items():
            files[role], long = file.without_long(longest)
            dropped += long
    _check_files(list(files.values()), provider, longest)
    _check_privacy(run, provider, [file.pairs for file in files.values()])
    epochs = settings.epochs or project.train.epochs
    values = {
        "epochs": epochs or usual_epochs(len(files["train"].pairs), batch_size=RULE_BATCH),
        "evaluations": 0, "learning_rate": settings.learning_rate, "rank": settings.rank, "batch_size": settings.batch_size,
    }  # fmt: skip
    if "validation" in files and provider.bills_validation:
        values["evaluations"] = values["epochs"]
    contents = {role: file.content for role, file in files.items()}
    uploads = [_upload(run, file.role, contents[role]) for role, file in files.items()]
    hashes = {one.role: one.sha256 for one in uploads}
    request = JobRequest(
        key=job_key(hashes, provider=provider.name, model=settings.model, hyperparameters=values, attempt=attempt),
        model=settings.model, suffix=settings.suffix or _suffix(project.name), **values,
    )  # fmt: skip
    bill = make_bill(
        files["train"].tokens, files["validation"].tokens if "validation" in files else None, request, price
    )
    return HostedPlan(
        run, provider, request, uploads, contents, bill, dropped, epochs is None,
        run.obstacles + _warnings(provider, bill, [file.tokens for file in files.values()], longest, today),
    )  # fmt: skip


def check_max_cost(plan: HostedPlan, max_cost: Decimal | None) -> None:
    """Raises: ConfigError if the job could cost more than `max_cost` USD."""
    if max_cost is None or plan.bill.most <= max_cost:
        return
    how = (
        "" if plan.bill.exact else '; state "tokenizer" in [train.hosted] to count the tokens instead of bounding them'
    )
    raise ConfigError(
        f"the job could cost {say.money(float(plan.bill.most), 'USD')}, more than --max-cost {max_cost:f}\nNothing was sent. "
        f"Raise the limit, or train on fewer pairs or epochs (max_pairs in [train], epochs in [train.hosted]){how}."
    )


# --- files ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """A file of chats to send: its pairs, in the order of its lines, with the tokens of each."""

    role: Literal["train", "validation"]
    pairs: pl.DataFrame
    chats: Sequence[Sequence[Mapping[str, str]]]
    tokens: TokenCount

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        lines = "".join(json.dumps({"messages": chat}, ensure_ascii=False) + "\n" for chat in self.chats)
        return lines.encode("utf-8", "surrogatepass")  # the provider's rules report what is not UTF-8

    def without_long(self, longest: int) -> tuple["_File", list[dict[str, Any]]]:
        """The file without the pairs that are known to have more tokens, and those pairs."""
        counts, ids = self.tokens, self.pairs["id"].to_list()
        long = [place for place, tokens in enumerate(counts.most) if counts.exact and tokens > longest]
        kept = sorted(set(range(len(ids))) - set(long))
        file = _File(
            self.role,
            self.pairs[kept],
            [self.chats[place] for place in kept],
            replace(counts, most=[counts.most[n] for n in kept], likely=[counts.likely[n] for n in kept]),
        )
        return file, [{"id": ids[place], "split": self.role, "tokens": counts.most[place]} for place in long]


def _file_of(role: Any, pairs: pl.DataFrame, project: Project, settings: HostedSettings) -> _File:
    """The chats of these pairs, as they are prompted at inference; a tokenizer's folder may be relative to the project."""
    system_role = project.evaluate.of(project.evaluate.candidate).system_role
    chats = [line["messages"] for line in chat_lines(pairs, system_role=system_role)]
    tokenizer = settings.tokenizer
    if tokenizer is not None and (project.folder / tokenizer).is_dir():
        tokenizer = str(project.folder / tokenizer)
    return _File(role, pairs, chats, count_tokens(chats, tokenizer=tokenizer))


def _upload(run: Run, role: Literal["train", "validation"], content: bytes) -> Upload:
    path, digest = hosted_folder(run) / f"{role}.jsonl", hashlib.sha256(content).hexdigest()
    return Upload(role, path, digest, len(content), lines=content.count(b"\n"))


def _check_files(files: Sequence[_File], provider: Provider, longest: int | None) -> None:
    """Raises: DataError with every problem of every file."""
    problems = []
    for file in files:
        ids, rows = file.pairs["id"].to_list(), file.pairs["row"].to_list()
        found = file_problems(
            file.content, provider.rules, role=file.role,
            name=lambda n, ids=ids, rows=rows: f'pair "{mask_text(ids[n])}", row {rows[n]}',
            tokens=file.tokens.most if file.tokens.exact else None, longest_tokens=longest,
        )  # fmt: skip
        problems += [f"{file.role} file: {text}" for text in found]
    if problems:
        raise DataError(
            str(DataError.of(problems, where=f"the files for {provider.title}"))
            + f"\nNothing was sent. The rules: {provider.rules.source}."
        )


def _check_privacy(run: Run, provider: Provider, tables: Sequence[pl.DataFrame]) -> None:
    """Raises: ConfigError if personal data would be sent, as for endpoints; it does not repeat them."""
    if run.project.evaluate.personal_data == "allow" or is_on_this_machine(provider.base_url):
        return
    texts = []
    for table in tables:
        for id, text, output, system in table.select("id", "input", "output", "system").iter_rows():
            texts += [("input", id, text), ("output", id, output)]
            texts += [("system message", id, system)] if system else []
    found = personal_data_sent(host_of(provider.base_url), list(dict.fromkeys(texts)))
    if found is not None:
        raise ConfigError(f"{found}\n{MASK_ADVICE}")


# --- names and warnings -------------------------------------------------------------------------------------------


def _suffix(name: str) -> str:
    """The project's name, in the form in which it can be part of a model's name."""
    kept = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name.lower())
    return "-".join(part for part in kept.split("-") if part)[:20].rstrip("-") or "tuned"


def _warnings(
    provider: Provider, bill: Bill, counts: Sequence[TokenCount], longest: int | None, today: date
) -> list[str]:
    warnings = price_doubts(bill.price, today)
    if provider.base_url.startswith("http:") and not is_near(provider.base_url):
        warnings.append(
            f"{provider.base_url}: http:// sends texts and the key unencrypted; use https:// if the host offers it"
        )
    possible = [0 if longest is None or count.exact else sum(n > longest for n in count.most) for count in counts]
    if longest is not None and sum(possible):
        warnings.append(
            f"{say.count(sum(possible), 'example')} may have more than {longest:,} tokens; tokenizer in [train.hosted] "
            "counts them"
        )
    return warnings
