"""A deployed model: what its server tells about itself, and requests to it that are the same as at judging."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import polars as pl

from ...core import (
    ConfigError,
    Console,
    Key,
    StaleAnswerError,
    address_problems,
    calls_url,
    fetch,
    models_url,
    open_client,
    read_key,
    tls_context,
)
from ...evaluate import (
    LARGEST,
    AnswerStore,
    Budget,
    RemotePlan,
    TokenPrice,
    Traffic,
    Variant,
    VariantSettings,
    check_keys,
    check_privacy,
    load_json,
    named_models,
    plan_remote,
    price_of_variant,
    read_models,
    remote_lines,
    request_chats,
    spent_on,
)
from ...project import Run
from .recorded import Recorded

# --- what a server tells about itself -------------------------------------------------------------------------------

CALLS, VERSION = "/chat/completions", "/v1"
SECONDS = 20.0  # for one answer; none of them generates anything
MOST = 10**15  # of any count that a server declares


@dataclass(frozen=True)
class Declared:
    """What the server says of a model: bits per weight and tokens of its context; None where it does not."""

    bits: float | None = None
    context: int | None = None


class Server:
    """What a server tells besides its answers to chats; open it with `open_server`."""

    def __init__(self, portal: Any, client: Any, url: str, key: Key) -> None:
        self._portal, self._client, self._key = portal, client, key
        self.base = calls_url(url).removesuffix(CALLS)  # such as http://host/v1
        self.root = self.base.removesuffix(VERSION)

    def model_name(self) -> str:
        """The name of the server's only model.

        Raises: ConfigError if it has several, or does not list them.
        """
        names = [str(entry["id"]) for entry in self._models() if entry.get("id")]
        if len(names) == 1:
            return names[0]
        if not names:
            raise ConfigError(
                f"{models_url(self.base)} does not answer, or lists no model\n"
                "Start the server or correct --endpoint; if it lists none, state its name: --model NAME"
            )
        raise ConfigError(
            f"{self.base} serves {len(names)} models: {named_models(names)}\nState which one to check: --model NAME"
        )

    def declared(self, model: str) -> Declared:
        """What the server says of the model: llama.cpp its size and parameters, vLLM its context."""
        entry = next((entry for entry in self._models() if entry.get("id") == model), {})
        stated = entry.get("meta")
        meta: Mapping[str, Any] = stated if isinstance(stated, dict) else {}
        size, parameters = _count(meta.get("size")), _count(meta.get("n_params"))
        return Declared(
            8 * size / parameters if size and parameters else None,
            _count(entry.get("max_model_len")) or _count(meta.get("n_ctx")),
        )

    def read_chat(self, model: str, messages: Sequence[Mapping[str, str]]) -> tuple[list[int], str | None] | None:
        """The token ids that the server reads for a chat, and its text where the server renders it; None if it tells neither.

        vLLM's /tokenize takes the chat; llama.cpp renders it at /apply-template, and its /tokenize takes that text.
        """
        chat = {"model": model, "messages": list(messages), "add_generation_prompt": True}
        whole = self._post(f"{self.root}/tokenize", chat)
        if ids := _ids(whole):
            return ids, None
        rendered = self._post(f"{self.root}/apply-template", {"messages": list(messages)})
        text = rendered.get("prompt") if isinstance(rendered, dict) else None
        if not isinstance(text, str) or not text:
            return None
        ids = _ids(self._post(f"{self.root}/tokenize", {"content": text, "add_special": True, "parse_special": True}))
        return (ids, text) if ids else None

    def _models(self) -> list[dict[str, Any]]:
        return read_models(self._get(models_url(self.base)))

    def _get(self, url: str) -> Any:
        return self._answer("GET", url, None)

    def _post(self, url: str, body: Mapping[str, Any]) -> Any:
        return self._answer("POST", url, body)

    def _answer(self, method: str, url: str, body: Mapping[str, Any] | None) -> Any:
        """The JSON of a successful answer; None for any other."""
        import httpx2

        try:
            return self._portal.call(self._fetch, method, url, body)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, StaleAnswerError):
            return None

    async def _fetch(self, method: str, url: str, body: Mapping[str, Any] | None) -> Any:
        request = self._client.build_request(method, url, json=body, headers=self._key.headers)
        async with asyncio.timeout(SECONDS):
            response, content = await fetch(self._client, request, largest=LARGEST)
        return self._key.mask_data(load_json(content)) if response.status_code == 200 else None


@contextmanager
def open_server(url: str, *, key_env: str | None = None) -> Iterator[Server]:
    """The server at an endpoint's address, for the block.

    Raises: ConfigError if the address is not one, or the key is missing.
    """
    from anyio.from_thread import start_blocking_portal

    if problems := address_problems(url):
        raise ConfigError.of(problems, where="--endpoint")
    key = read_key(key_env)
    # A portal, as the limit for a whole answer needs a loop, which may run already, as in a notebook.
    with key.masked_logs(), start_blocking_portal() as portal:
        client = open_client(url, tls=tls_context(), kept=0)
        with portal.wrap_async_context_manager(client):
            yield Server(portal, client, url, key)


def _ids(data: Any) -> list[int]:
    """The token ids of an answer of /tokenize: numbers, or objects with an `id`."""
    tokens = data.get("tokens") if isinstance(data, dict) else None
    if not isinstance(tokens, list):
        return []
    counts = [_count(token.get("id") if isinstance(token, dict) else token) for token in tokens]
    ids = [id for id in counts if id is not None]
    return ids if len(ids) == len(counts) else []


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= MOST else None


# --- requests -------------------------------------------------------------------------------------------------------

AGAIN = "run the same command"


@dataclass(frozen=True)
class Served:
    """A model at an OpenAI-compatible address.

    `key_env` names the environment variable with the key; `parameters` are sent with each request and override those of the
    judged variant.
    """

    url: str
    model: str
    key_env: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def price_of(run: Run, recorded: Recorded) -> TokenPrice | None:
    """The token price of the judged variant by the project's [roi]; None if it states none."""
    return price_of_variant(run.project.roi_settings, recorded.variant)


def plan_requests(
    run: Run, recorded: Recorded, served: Served, pairs: pl.DataFrame, *, max_cost: Decimal | None,
    price: TokenPrice | None, samples: int = 1,
) -> RemotePlan:  # fmt: skip
    """The requests for these pairs, `samples` for each; nothing is sent.

    Messages, temperature and token limit are those of the recorded outputs.

    Raises: ConfigError if the address is invalid, or `max_cost` is set without a price.
    """
    variant = _at_endpoint(recorded.variant, served)
    if max_cost is not None and price is None:
        raise ConfigError(
            f'max_cost needs a price for "{variant.name}"\n'
            f"State price_input and price_output (0 for your own server), or model, under [roi.{variant.name}]."
        )
    settings = replace(
        run.project.evaluate, temperature=recorded.temperature, samples=samples, max_cost=None,
        max_new_tokens=recorded.max_new_tokens,
    )  # fmt: skip
    (plan,) = plan_remote([(variant, pairs)], settings=settings, max_new_tokens=recorded.max_new_tokens, seed=run.seed)
    return replace(plan, price=price, counting={})


def _at_endpoint(variant: Variant, served: Served) -> Variant:
    """The variant, with the same prompt, at the address of the served model.

    The settings of a judged endpoint (waits, parameters) apply to this one too; for a local model, the defaults do.
    """
    judged = variant.settings
    own = {"endpoint": served.url, "model": served.model, "key_env": served.key_env}
    if variant.source == "endpoint":
        kept = {name: getattr(judged, name) for name in ("concurrency", "seconds_per_call", "tries", "most_seconds")}
        settings = VariantSettings(**own, **kept, parameters={**judged.parameters, **served.parameters})
    else:
        settings = VariantSettings(**own, parameters=dict(served.parameters))
    return replace(
        variant, source="endpoint", adapter=None, model=served.model, endpoint=served.url, settings=settings
    )  # fmt: skip


def check_requests(run: Run, plans: Sequence[RemotePlan], answers: AnswerStore) -> None:
    """Check the keys, and that no personal data would be sent, unless the project allows it.

    Raises: ConfigError if a key is missing, or personal data would leave this machine.
    """
    check_keys([plan for plan in plans if plan.missing(answers)])
    if run.project.evaluate.personal_data == "refuse":
        check_privacy(plans, store=answers)


def cost_lines(run: Run, plans: Sequence[RemotePlan], answers: AnswerStore, *, max_cost: Decimal | None) -> list[str]:
    """A line with the requests still to send, their tokens and their cost."""
    budget = budget_of(run, plans, answers, max_cost=max_cost)
    return remote_lines(plans, answers, budget, longest_output=run.longest_output, all_hosts=True)


def budget_of(run: Run, plans: Sequence[RemotePlan], answers: AnswerStore, *, max_cost: Decimal | None) -> Budget:
    """The limit, and the cost of the stored answers."""
    currency, price = run.project.currency, next((plan.price for plan in plans), None)
    spent = spent_on(answers.lines.values(), currency=currency, price=lambda line: price)
    return Budget(
        max_cost, currency=currency, spent=spent, sent=answers.sent, setting="--max-cost", again=AGAIN
    )  # fmt: skip


def send_requests(
    run: Run, plan: RemotePlan, answers: AnswerStore, *, max_cost: Decimal | None, talk: Console
) -> pl.DataFrame:
    """The outputs of a checked plan (columns of OUTPUT_SCHEMA): the missing ones are requested, the others were stored.

    A request that failed after all attempts has an `error` in its row.

    Raises: RunBroken if `max_cost` or the endpoint stops the requests; answers received until then are kept.
    """
    budget = budget_of(run, [plan], answers, max_cost=max_cost)
    with talk.progress(plan.host) as advance:
        return request_chats(
            plan, store=answers, budget=budget, traffic=Traffic(advance, budget),
            warn=lambda text: talk.note(f"warning: {text}"),
        )  # fmt: skip
