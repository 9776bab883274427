"""What a server tells of itself beside its answers: its models, their size, and the tokens of a chat.

Asks the endpoint's own host alone, with its key, and sends nothing that a request for an output does not hold as well. A
server without these addresses tells nothing, which is no error.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ...core import (
    ConfigError,
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
from ..endpoints.client import LARGEST
from ..endpoints.responses import load_json, named_models, read_models

__all__ = ["Declared", "Server", "open_server"]

CALLS, VERSION = "/chat/completions", "/v1"
SECONDS = 20.0  # for one answer; none of them generates anything
MOST = 10**15  # of any count that a server declares


@dataclass(frozen=True)
class Declared:
    """What the server says of a model: bits per weight and tokens of its context; None where it does not."""

    bits: float | None = None
    context: int | None = None


class Server:
    """What a server answers beside its chat endpoint; open it with `open_server`."""

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
