"""What a server tells beside its answers, read from what vLLM, llama.cpp and others send, and from worse."""

from typing import Any

import pytest

from tuneworth import ConfigError
from tuneworth.deploy.check.server import open_server

from ..evaluate.endpoint_server import Asked, EndpointServer, Step

CHAT = [{"role": "user", "content": "Hello."}]


def answering(**paths: Any) -> EndpointServer:
    """A server that has these paths, written without their first part: `models`, `tokenize`, `template`."""
    names = {"/v1/models": "models", "/tokenize": "tokenize", "/apply-template": "template"}

    def behave(asked: Asked) -> Step:
        answer = paths.get(names.get(asked.path, ""), Step(404, {"error": "no"}))
        step = answer(asked) if callable(answer) else answer
        return step if isinstance(step, Step) else Step(body=step)

    return EndpointServer(behave)


def llama_tokens(asked: Asked) -> Step:
    assert {asked.body.get("add_special"), asked.body.get("parse_special")} <= {True, None}
    text = asked.body.get("content", "")
    return Step(body={"tokens": [{"id": ord(letter), "piece": letter} for letter in text]})


def test_the_only_model_is_the_one_to_ask() -> None:
    with answering(models={"data": [{"id": "tuned"}]}) as server, open_server(server.url) as opened:
        assert opened.model_name() == "tuned"


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"data": [{"id": f"m{number}"} for number in range(12)]}, "serves 12 models: m0, m1, .* and 4 more"),
        ({"data": []}, "lists no model"),
        ({"object": "list"}, "lists no model"),
        ([1, 2], "lists no model"),
        (Step(500, b"<html>"), "lists no model"),
        (Step(body=b"\xff{"), "lists no model"),
    ],
)
def test_a_name_is_asked_for_where_the_server_does_not_settle_it(models: Any, message: str) -> None:
    with (
        answering(models=models) as server,
        open_server(server.url) as opened,
        pytest.raises(ConfigError, match=message),
    ):
        opened.model_name()


def test_llama_tells_the_bits_of_its_weights_and_vllm_its_context() -> None:
    meta = {"n_params": 1000, "size": 600, "n_ctx": 4096}
    models = {"data": [{"id": "a", "meta": meta}, {"id": "b", "max_model_len": 512}]}
    with answering(models=models) as server, open_server(server.url) as opened:
        told, other, nothing = (opened.declared(name) for name in "abc")
    assert (told.bits, told.context) == (4.8, 4096)
    assert (other.bits, other.context) == (None, 512)
    assert (nothing.bits, nothing.context) == (None, None)


@pytest.mark.parametrize("meta", [None, [], "x", {"n_params": 0, "size": 5}, {"n_params": True, "size": -1}])
def test_a_size_that_makes_no_sense_is_unknown(meta: Any) -> None:
    with answering(models={"data": [{"id": "a", "meta": meta}]}) as server, open_server(server.url) as opened:
        assert opened.declared("a").bits is None


def test_vllm_tells_the_tokens_of_a_chat() -> None:
    with answering(tokenize={"count": 3, "tokens": [1, 5, 2]}) as server, open_server(server.url) as opened:
        assert opened.read_chat("m", CHAT) == ([1, 5, 2], None)
        assert server.requests[0].body == {"model": "m", "messages": CHAT, "add_generation_prompt": True}


def test_llama_renders_a_chat_and_tells_the_tokens_of_the_text() -> None:
    with answering(tokenize=llama_tokens, template={"prompt": "ab"}) as server, open_server(server.url) as opened:
        assert opened.read_chat("m", CHAT) == ([97, 98], "ab")


@pytest.mark.parametrize(
    "paths", [{}, {"template": {"prompt": ""}}, {"tokenize": {"tokens": ["x"]}}, {"tokenize": {"tokens": [-1]}}]
)
def test_a_server_that_tells_no_tokens_is_no_error(paths: dict[str, Any]) -> None:
    with answering(**paths) as server, open_server(server.url) as opened:
        assert opened.read_chat("m", CHAT) is None


def test_the_key_goes_to_the_endpoints_host_and_an_address_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVED_KEY", "a-secret-of-some-length")
    with answering(models={"data": [{"id": "tuned"}]}) as server:
        with open_server(f"{server.url}/chat/completions", key_env="SERVED_KEY") as opened:
            assert opened.model_name() == "tuned"
        assert server.requests[0].headers["authorization"] == "Bearer a-secret-of-some-length"
    with pytest.raises(ConfigError, match="begin with"), open_server("ftp://host"):
        pass


def test_a_server_that_is_gone_tells_nothing() -> None:
    with open_server("http://127.0.0.1:9/v1") as opened:
        assert opened.read_chat("m", CHAT) is None


@pytest.mark.parametrize(
    "step",
    [
        Step(body={"data": [{"id": "a"}]}, drip=0.02),
        Step(raw=b"", endless=b"HTTP/1.1 100 Continue\r\n\r\n"),
        Step(raw=b"HTTP/1.1 200 OK\r\n\r\n", endless=b" " * 65536),
        Step(308, b"", {"Location": "/elsewhere"}),
        Step(body=b"[" * 100_000),
    ],
    ids=["a drip", "100 Continue", "endless", "a redirect", "deep"],
)
def test_an_answer_that_never_ends_or_leads_elsewhere_is_none(step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuneworth.deploy.check.server.SECONDS", 0.3)
    with answering(models=step) as server, open_server(server.url) as opened:
        with pytest.raises(ConfigError, match="does not answer"):
            opened.model_name()
        assert {asked.path for asked in server.requests} == {"/v1/models"}


def test_a_key_that_a_server_lists_as_a_model_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-proj-0123456789abcdefghij"
    monkeypatch.setenv("SERVED_KEY", key)
    models = {"data": [{"id": f"{'x' * 290}{key}"}, {"id": key.upper()}]}
    with answering(models=models) as server, open_server(server.url, key_env="SERVED_KEY") as opened:
        with pytest.raises(ConfigError, match="serves 2 models") as wrong:
            opened.model_name()
        assert server.requests[0].headers["authorization"] == f"Bearer {key}"
    assert key[:8] not in str(wrong.value).lower()
