"""Before the first answer, what more tries seldom mend ends all calls within five seconds; later it costs one call."""

import time
from contextlib import nullcontext, suppress
from typing import Any

import pytest

from tuneworth.core import ConfigError, RunBroken, TuneworthError
from tuneworth.evaluate.endpoints.client import Call, Endpoint
from tuneworth.evaluate.endpoints.sending import Reply, send_calls

from .endpoint_server import Asked, EndpointServer, Step, ask_all, completion, echo, error

PAGE = Step(body=b"<!doctype html><title>Welcome</title>", headers={"Content-Type": "text/html"})
TEXTS = [str(number) for number in range(50)]
# As in a project: six tries, with waits of up to 16 seconds.
USUAL = {"first_wait": 1.0, "longest_wait": 120.0, "seconds_per_call": 120.0}


def ended(url: EndpointServer | str, **given: Any) -> tuple[TuneworthError, float]:
    """The error that ends the calls, and after how many seconds."""
    started = time.monotonic()
    with pytest.raises(TuneworthError) as wrong:
        ask_all(url, TEXTS, **given)
    return wrong.value, time.monotonic() - started


@pytest.mark.slow
def test_a_refused_connection_ends_the_calls_within_five_seconds() -> None:
    with EndpointServer() as server:
        gone = server.url
    wrong, seconds = ended(gone, **USUAL)
    assert isinstance(wrong, RunBroken)
    assert "nothing listens there" in str(wrong)
    assert f"Check the address {gone.removesuffix('/v1')}, or start the server there." in str(wrong)
    assert 1 < seconds < 5  # a server that is being started has some time


@pytest.mark.slow
def test_a_web_page_ends_the_calls_within_five_seconds_even_if_it_is_slow() -> None:
    for wait in (0.0, 1.0):
        page = Step(body=PAGE.body, wait=wait)
        with EndpointServer(lambda asked, page=page: page) as server:
            wrong, seconds = ended(server, **USUAL)
            assert all(asked.text == "0" for asked in server.requests)  # no other call before it is clear
        assert isinstance(wrong, ConfigError)
        assert "a web page instead of an answer" in str(wrong)
        assert f"Check the address {server.url}/chat/completions." in str(wrong)
        assert seconds < 5


@pytest.mark.parametrize(
    "step",
    [Step(404, b"<html>Not Found</html>"), error(404, "Not Found"), Step(405, b""), error(400, "Model Not Exist")],
)
def test_a_wrong_path_or_model_ends_the_calls_at_once(step: Step) -> None:
    with EndpointServer(lambda asked: step) as server:
        wrong, seconds = ended(server, **USUAL)
        assert len([asked for asked in server.requests if "messages" in asked.body]) == 1
    assert isinstance(wrong, ConfigError)
    assert seconds < 5


@pytest.mark.parametrize(
    ("status", "tries", "kind"), [(501, 1, ConfigError), (400, 1, ConfigError), (502, 3, RunBroken)]
)
def test_a_web_page_with_an_error_status_ends_the_calls_too(status: int, tries: int, kind: type) -> None:
    with EndpointServer(lambda asked: Step(status, PAGE.body)) as server:
        wrong, _ = ended(server, tries=3)
        assert len(server.requests) == tries
    assert isinstance(wrong, kind)
    assert f"a web page instead of an answer (status {status})" in str(wrong)


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}])
def test_a_page_that_asks_to_wait_is_a_rate_limit(headers: dict[str, str]) -> None:
    page = Step(503 if headers else 429, PAGE.body, headers)
    with EndpointServer(lambda asked: page if asked.number < 4 else echo(asked)) as server:
        assert ask_all(server, ["a"]).only.output == "A"


def test_an_address_without_a_version_is_said_to_lack_one() -> None:
    with EndpointServer(lambda asked: Step(404, b"<html>")) as server:
        base = server.url.removesuffix("/v1")
        assert f"{base}/chat/completions, which may lack /v1" in str(ended(base)[0])
        assert "may lack" not in str(ended(server)[0])


@pytest.mark.parametrize("first", [PAGE, Step(body={"detail": "starting"})])
def test_a_server_that_is_being_started_is_waited_for(first: Step) -> None:
    with EndpointServer(lambda asked: first if asked.number < 2 else echo(asked)) as server:
        replies = ask_all(server, TEXTS).replies
    assert [reply.error for reply in replies] == [None] * 50
    assert replies[0].attempts == 3


@pytest.mark.parametrize("step", [PAGE, Step(body={"detail": "hello"}), error(404, "no model tiny")])
def test_after_the_first_answer_such_a_fault_costs_its_call_alone(step: Step) -> None:
    with EndpointServer(lambda asked: step if asked.text == "7" else echo(asked)) as server:
        replies = ask_all(server, TEXTS, tries=2).replies
    assert [reply.error is None for reply in replies] == [text != "7" for text in TEXTS]


@pytest.mark.parametrize("heard", [False, True])
def test_a_server_that_was_heard_before_is_waited_for_as_usual(heard: bool) -> None:
    with EndpointServer() as server:
        gone = server.url
    calls = [Call(0, 0, [{"role": "user", "content": "a"}])]
    replies: list[Reply] = []
    with suppress(RunBroken) if not heard else nullcontext():
        send_calls(
            Endpoint(url=gone, model="m", tries=2, first_wait=0.001), calls, max_new_tokens=5, temperature=0, seed=None,
            on_reply=replies.append, heard=heard,
        )  # fmt: skip
    assert [(reply.attempts, "no connection" in str(reply.error)) for reply in replies] == [(2, True)] * heard


NO_MODEL = (
    error(404, "The model `tiny` does not exist", code="model_not_found"),  # OpenAI, vLLM, Groq
    error(404, 'model "tiny" not found, try pulling it first'),  # Ollama
    error(403, "Project `p` does not have access to model `tiny`", code="model_not_found"),  # OpenAI
    error(
        400, "/chat/completions: Invalid model name passed in model=tiny. Call `/v1/models` to view models."
    ),  # litellm
    error(400, "tiny is not a valid model ID"),  # OpenRouter
    error(400, "Invalid model: tiny", code="1500"),  # Mistral
    error(400, "Model Not Exist"),  # DeepSeek
    error(500, "tiny is not a local folder and is not a valid model identifier listed on 'https://hub.example/models'"),
)


@pytest.mark.parametrize("step", NO_MODEL)
def test_a_missing_model_is_said_to_be_that_with_the_models_that_there_are(step: Step) -> None:
    models = {"object": "list", "data": [{"id": "tiny-instruct"}, {"id": "large"}]}

    def behave(asked: Asked) -> Step:
        return step if "messages" in asked.body else Step(body=models if asked.path == "/v1/models" else {})

    with EndpointServer(behave) as server:
        text = str(ended(server)[0])
        assert [asked.path for asked in server.requests] == ["/v1/chat/completions", "/v1/models"]
    assert 'has no model "tiny"' in text
    assert text.endswith('Check the name in "model"; did you mean "tiny-instruct"?')


@pytest.mark.parametrize("listed", [Step(404, b"<html>"), Step(body={"data": [7, {"id": 7}, {}]}), Step(cut_after=0)])
def test_a_server_that_lists_no_models_leaves_the_error_as_it_is(listed: Step) -> None:
    with EndpointServer(lambda asked: NO_MODEL[0] if "messages" in asked.body else listed) as server:
        text = str(ended(server)[0])
    assert 'Check the name in "model"' in text


def test_other_rejections_are_not_taken_for_a_missing_model() -> None:
    for message in ("This model's maximum context length is 5 tokens, which is invalid", "tiny: your text is odd"):
        with EndpointServer(lambda asked, message=message: error(400, message)) as server:
            assert message in str(ask_all(server, ["a"]).only.error)
    refusal = error(400, "Unsupported parameter: 'seed' is not available with this model tiny", param="seed")
    with EndpointServer(lambda asked: refusal if "seed" in asked.body else echo(asked)) as server:
        assert ask_all(server, ["a"]).only.output == "A"


NO_SYSTEM = (
    error(400, "System role not supported"),  # Gemma at vLLM
    error(400, "Conversation roles must alternate user/assistant/user/assistant/..."),  # Mistral 7B at vLLM
    error(400, "Developer instruction is not enabled for models/gemma-3-27b-it"),  # Google
    error(
        400,
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        param="messages[0].role",
    ),
    error(500, "jinja2.exceptions.TemplateError: System role not supported"),
)


@pytest.mark.parametrize("step", NO_SYSTEM)
def test_a_model_without_a_system_role_is_said_to_be_that_with_the_setting(step: Step) -> None:
    with EndpointServer(lambda asked: step) as server:
        wrong, _ = ended(server)
        assert len(server.requests) == 1
    assert isinstance(wrong, ConfigError)
    assert "the model takes no system message" in str(wrong)
    assert "Set system_role = false" in str(wrong)


def test_once_a_system_message_was_taken_such_words_reject_one_text() -> None:
    with EndpointServer(lambda asked: NO_SYSTEM[0] if asked.text == "7" else Step(body=completion("fine"))) as server:
        replies = ask_all(server, TEXTS).replies
    assert sum(reply.error is not None for reply in replies) == 1
