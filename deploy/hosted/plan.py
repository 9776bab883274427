"""Plans training at a provider, before anything is sent: files checked by the provider's rules, bill, warnings."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ...core import ConfigError, DataError, host_of, is_near, is_on_this_machine, say
from ...curate import chat_lines, mask_text
from ...evaluate import MASK_ADVICE, personal_data_sent
from ...project import PROJECT_FILE, Project, Run, training_pairs
from .text import plan_text

if TYPE_CHECKING:
    from ...project import HostedSettings
    from .bill import Bill
    from .provider import JobRequest, Provider, Upload
    from .tokens import TokenCount

__all__ = ["PROVIDERS", "HostedPlan", "check_max_cost", "hosted_folder", "plan_job", "provider_of"]

PROVIDERS = ("together", "fireworks")
EXAMPLE = {"together": "Qwen/Qwen3-8B", "fireworks": "accounts/fireworks/models/qwen3-8b"}
RULE_BATCH = 8  # pairs per step that the rule for epochs assumes; providers choose their own


@dataclass(frozen=True, repr=False)
class HostedPlan:
    """What training at a provider would send and cost; nothing was sent or written.

    `contents` are the bytes of each file by role, `dropped` the pairs that exceed the maximum length of an example.
    """

    run: Run
    provider: "Provider"
    request: "JobRequest"
    uploads: "Sequence[Upload]"
    contents: dict[str, bytes]
    bill: "Bill"
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


def provider_of(project: Project, name: str) -> "Provider":
    """The named provider, with the project's address and account.

    Raises: ConfigError if there is no such provider, or `[train.hosted]` lacks what it needs.
    """
    from .fireworks import Fireworks
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
    made: Provider = Together() if name == "together" else Fireworks(str(settings.account))
    return made if settings.base_url is None else replace(made, base_url=settings.base_url.rstrip("/"))  # type: ignore[type-var]


def plan_job(run: Run, on: str, *, drop_long: bool, attempt: int, today: date) -> HostedPlan:
    """The plan of training on this run's pairs at a provider.

    Raises: ConfigError for settings, a missing price and personal data; DataError with every problem of the files.
    """
    from .bill import make_bill, price_for
    from .job import job_key
    from .provider import JobRequest

    project = run.project
    provider = provider_of(project, on)
    settings = project.hosted
    assert settings is not None
    price = price_for(provider, settings.model, settings.price)
    train, validation = training_pairs(run, project.train)
    tables = {"train": train, **({"validation": validation} if settings.validation and len(validation) else {})}
    system_role = project.evaluate.of(project.evaluate.candidate).system_role  # so that training matches inference
    chats = {
        role: [line["messages"] for line in chat_lines(table, system_role=system_role)]
        for role, table in tables.items()
    }
    counts = {role: _counted(chat, project) for role, chat in chats.items()}
    longest = settings.longest_tokens
    tables, chats, counts, dropped = _without_long(
        tables, chats, counts, longest if drop_long or project.train.drop_long else None
    )
    contents = {role: _content(chat) for role, chat in chats.items()}
    _check_files(contents, tables, counts, provider, longest)
    _check_privacy(run, provider, tables)
    epochs = settings.epochs or project.train.epochs
    values = {
        "epochs": epochs or _usual_epochs(len(tables["train"])),
        "evaluations": 0, "learning_rate": settings.learning_rate, "rank": settings.rank, "batch_size": settings.batch_size,
    }  # fmt: skip
    if "validation" in tables and provider.bills_validation:
        values["evaluations"] = values["epochs"]
    hashes = {role: hashlib.sha256(content).hexdigest() for role, content in contents.items()}
    request = JobRequest(
        key=job_key(hashes, provider=provider.name, model=settings.model, hyperparameters=values, attempt=attempt),
        model=settings.model, suffix=settings.suffix or _suffix(project.name), **values,
    )  # fmt: skip
    bill = make_bill(counts["train"], counts.get("validation"), request, price)
    return HostedPlan(
        run, provider, request, _uploads(run, contents, hashes), contents, bill, dropped, epochs is None,
        _warnings(provider, settings, bill, counts, longest, today),
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


def _counted(chats: Sequence[Any], project: Project) -> "TokenCount":
    """The tokens of each chat; a relative tokenizer folder is resolved from the project folder."""
    from .tokens import count_tokens

    tokenizer = None if project.hosted is None else project.hosted.tokenizer
    if tokenizer is not None and (project.folder / tokenizer).is_dir():
        tokenizer = str(project.folder / tokenizer)

    return count_tokens(chats, tokenizer=tokenizer)


def _content(chats: Sequence[Any]) -> bytes:
    lines = "".join(json.dumps({"messages": chat}, ensure_ascii=False) + "\n" for chat in chats)
    return lines.encode("utf-8", "surrogatepass")  # the provider's rules report what is not UTF-8


def _without_long(
    tables: Any, chats: Any, counts: Any, longest: int | None
) -> tuple[Any, Any, Any, list[dict[str, Any]]]:
    """The files without examples that are known to have more than `longest` tokens, and the dropped examples."""
    dropped: list[dict[str, Any]] = []
    if longest is None:
        return tables, chats, counts, dropped
    tables, chats, counts = dict(tables), dict(chats), dict(counts)
    for role, count in list(counts.items()):
        fits = [not count.exact or tokens <= longest for tokens in count.most]
        ids = tables[role]["id"].to_list()
        dropped += [{"id": ids[i], "split": role, "tokens": count.most[i]} for i, fit in enumerate(fits) if not fit]
        kept = [i for i, fit in enumerate(fits) if fit]
        tables[role], chats[role] = tables[role][kept], [chats[role][i] for i in kept]
        counts[role] = replace(count, most=[count.most[i] for i in kept], likely=[count.likely[i] for i in kept])
    return tables, chats, counts, dropped


def _check_files(
    contents: dict[str, bytes], tables: dict[str, pl.DataFrame], counts: Any, provider: "Provider", longest: int | None
) -> None:
    """Raises: DataError with every problem of every file."""
    from .rules import file_problems

    problems = []
    for role, content in contents.items():
        ids, rows = tables[role]["id"].to_list(), tables[role]["row"].to_list()
        found = file_problems(
            content, provider.rules, role=role, name=lambda n, ids=ids, rows=rows: f'pair "{mask_text(ids[n])}", row {rows[n]}',
            tokens=counts[role].most if counts[role].exact else None, longest_tokens=longest,
        )  # fmt: skip
        problems += [f"{role} file: {text}" for text in found]
    if problems:
        raise DataError(
            str(DataError.of(problems, where=f"the files for {provider.title}"))
            + f"\nNothing was sent. The rules: {provider.rules.source}."
        )


def _check_privacy(run: Run, provider: "Provider", tables: dict[str, pl.DataFrame]) -> None:
    """Raises: ConfigError if personal data would be sent, as for endpoints; it does not repeat them."""
    if run.project.evaluate.personal_data == "allow" or is_on_this_machine(provider.base_url):
        return
    texts = []
    for table in tables.values():
        for id, text, output, system in table.select("id", "input", "output", "system").iter_rows():
            texts += [("input", id, text), ("output", id, output)]
            texts += [("system message", id, system)] if system else []
    found = personal_data_sent(host_of(provider.base_url), list(dict.fromkeys(texts)))
    if found is not None:
        raise ConfigError(f"{found}\n{MASK_ADVICE}")


def _uploads(run: Run, contents: dict[str, bytes], hashes: dict[str, str]) -> "list[Upload]":
    from .provider import Upload

    return [
        Upload(role, hosted_folder(run) / f"{role}.jsonl", hashes[role], len(content), content.count(b"\n"))  # type: ignore[arg-type]
        for role, content in contents.items()
    ]


# --- hyperparameters and warnings ---------------------------------------------------------------------------------


def _usual_epochs(pairs: int) -> int:
    from ...train import usual_epochs

    return usual_epochs(pairs, batch_size=RULE_BATCH)


def _suffix(name: str) -> str:
    """The project's name, in the form in which it can be part of a model's name."""
    kept = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name.lower())
    return "-".join(part for part in kept.split("-") if part)[:20].rstrip("-") or "tuned"


def _warnings(
    provider: "Provider", settings: "HostedSettings", bill: "Bill", counts: Any, longest: int | None, today: date
) -> list[str]:
    from .bill import price_doubts

    warnings = price_doubts(bill.price, today)
    if provider.base_url.startswith("http:") and not is_near(provider.base_url):
        warnings.append(
            f"{provider.base_url}: http:// sends texts and the key unencrypted; use https:// if the host offers it"
        )
    possible = [
        0 if longest is None or count.exact else sum(n > longest for n in count.most) for count in counts.values()
    ]
    if longest is not None and sum(possible):
        warnings.append(
            f"{say.count(sum(possible), 'example')} may have more than {longest:,} tokens; tokenizer in [train.hosted] "
            "counts them"
        )
    return warnings
