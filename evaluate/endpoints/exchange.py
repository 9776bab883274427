"""One request to an endpoint and what comes back: an answer, a fault, or the list of its models."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

from ...core import (
    Complaint,
    Fault,
    Key,
    RunBroken,
    StaleAnswerError,
    TooLargeError,
    fault_of_exception,
    fault_of_status,
    fetch,
    models_url,
)
from .connections import Connections
from .endpoint import Call, Endpoint
from .parameters import Parameters
from .responses import NOTHING_COUNTED, Answer, load_json, nearest_of, read_answer, read_error_body, read_models

__all__ = ["Exchange"]

LARGEST = 8 * 2**20  # bytes of an answer, as sent and unpacked; the longest outputs of today's models take 1 MiB
MODELS_SECONDS = 2.0  # for the endpoint's list of models, which only completes an error

STALE = Fault("stale", "the connection held a second answer to an earlier request", again=True, billed=True)


class Exchange:
    """Sends single requests with the key, which is masked in all that comes back, and the parameters accepted so far.

    Connections are open for the time of an `async with` block.
    """

    def __init__(self, endpoint: Endpoint, key: Key, parameters: Parameters) -> None:
        self.endpoint, self.url = endpoint, endpoint.calls_url
        self.key, self.parameters = key, parameters
        self.took_system = False  # whether a chat with a system message was answered
        self.connections = Connections(endpoint.url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.connections.aclose()

    async def request(self, call: Call) -> Answer | Fault:
        """The answer to one request, or why there is none. Raises: errors of this program alone."""
        try:
            async with asyncio.timeout(self.endpoint.seconds_per_call):
                return await self._asked(call, self.parameters.stated)
        except Exception as error:
            return self._fault(error)

    async def _asked(self, call: Call, stated: Mapping[str, Any]) -> Answer | Fault:
        body = {"model": self.endpoint.model, "messages": call.messages, **self.parameters.of_sample(call.sample)}
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json", **self.key.headers}
        async with self.connections.one() as connection:
            request = connection.client.build_request("POST", self.url, content=content, headers=headers)
            try:
                response, content = await fetch(connection.client, request, largest=LARGEST)
            except TooLargeError:
                text = f"an answer of more than {LARGEST // 2**20} MiB\nCheck the address {self.url}."
                return Fault("too large", text, stop=RunBroken, only_first=True, billed=True)
            except StaleAnswerError:
                self.connections.separate()
                return STALE
            if 200 <= response.status_code < 300:
                outcome = read_answer(content, url=self.url, key=self.key)
            else:
                outcome = read_error_body(content, response.status_code, key=self.key)
            if isinstance(outcome, Answer) and not self.connections.accept(connection, outcome.id):
                return STALE
        if isinstance(outcome, Complaint):
            return self._status(outcome, response.headers, call, stated)
        self.took_system = self.took_system or (isinstance(outcome, Answer) and _has_system(call))
        return outcome

    def _status(self, complaint: Complaint, headers: Any, call: Call, stated: Mapping[str, Any]) -> Answer | Fault:
        complaint = replace(complaint, message=self.key.mask(complaint.message))  # before anything is shortened
        fault = fault_of_status(
            complaint.status or 500, complaint, headers=headers, url=self.url, model=self.endpoint.model,
            key_env=self.endpoint.key_env, sent=stated, system=_has_system(call) and not self.took_system,
        )  # fmt: skip
        if fault.filtered:
            return Answer(None, "content_filter", None, None, NOTHING_COUNTED)
        return fault

    def _fault(self, error: Exception) -> Fault:
        """Turn errors of the client into faults; our own errors are raised unchanged."""
        import httpx2

        if not isinstance(error, TimeoutError | httpx2.HTTPError | httpx2.InvalidURL | OSError | UnicodeError):
            raise error
        message = self.key.mask(str(error))
        return fault_of_exception(error, message=message, url=self.url, seconds=self.endpoint.seconds_per_call)

    async def offered(self) -> str:
        """The models that the endpoint lists, in words; nothing if it lists none."""
        try:
            async with asyncio.timeout(MODELS_SECONDS):
                async with self.connections.one() as connection:
                    request = connection.client.build_request("GET", models_url(self.url), headers=self.key.headers)
                    _, content = await fetch(connection.client, request, largest=LARGEST)
                models = read_models(self.key.mask_data(load_json(content)))
                names = [str(entry["id"]) for entry in models if entry.get("id")]
        except Exception:  # it only completes an error, which must not be replaced by another one
            return ""
        return f"; {nearest_of(self.endpoint.model, names)}" if names else ""


def _has_system(call: Call) -> bool:
    return any(message["role"] == "system" for message in call.messages)
