"""The key appears nowhere, and nothing is sent to another place."""

import logging
import traceback
from pathlib import Path

import pytest
import trustme

from tuneworth.core import ConfigError, RunBroken
from tuneworth.evaluate.endpoints.client import Endpoint

from .endpoint_server import Asked, EndpointServer, Step, ask_all, completion, error

KEY = "sk-proj-0123456789abcdefghij"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", f" {KEY}\n")  # as after reading a file into the variable


def test_the_key_is_sent_as_a_bearer_token_without_blanks() -> None:
    with EndpointServer() as server:
        ask_all(server, key_env="SOME_KEY")
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("value", "said"), [(None, "is not set"), ("", "is empty"), ("  ", "is empty"), ("a\nb", "line"), ("kéy", "ASCII")]
)
def test_a_variable_without_a_usable_key_is_an_error_before_any_request(
    value: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOME_KEY") if value is None else monkeypatch.setenv("SOME_KEY", value)
    with EndpointServer() as server, pytest.raises(ConfigError, match=said) as wrong:
        ask_all(server, key_env="SOME_KEY")
    assert server.requests == []
    assert "SOME_KEY" in str(wrong.value)
    assert not value or value.strip() == "" or value not in str(wrong.value)


ECHOES = (
    error(400, f"your key {KEY} is odd"),
    error(400, "x" * 290 + KEY),  # cut inside the key if it were cut before masking
    Step(400, b"\xff " + KEY.encode()),
    Step(400, b'{"error": {"message": "\\u0073k-proj-0123456789abcdefghij"}}'),
    error(500, KEY),
    error(400, "no", param=KEY, code=KEY, type=KEY),
    Step(200, completion(f"I know {KEY}", model=KEY, finish_reason=KEY, usage={"prompt_tokens": 1, KEY: [KEY]})),
    Step(200, {"error": {"message": KEY}}),
    Step(200, {"choices": [{"error": {"message": KEY * 30}}]}),
    Step(200, completion("x"), {"X-Key": KEY, "Set-Cookie": f"key={KEY}"}),
    Step(200, completion("x"), {"Content-Encoding": "gzip", "X-Key": KEY}),
)


@pytest.mark.parametrize("step", ECHOES)
def test_a_key_that_the_endpoint_sends_back_is_in_no_reply_warning_or_log(
    step: Step, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with EndpointServer(lambda asked: step) as server:
        answers = ask_all(server, ["a", "b"], key_env="SOME_KEY", tries=2, heard=True)
    logged = " ".join(record.getMessage() for record in caplog.records if record.name != "asyncio")
    assert "httpcore2" in " ".join(record.name for record in caplog.records)
    for said in (repr(answers), logged):
        assert KEY not in said
        assert KEY[:12] not in said


@pytest.mark.parametrize("status", [401, 402, 404, 302, 500])
def test_no_exception_shows_the_key_not_even_in_its_traceback(status: int) -> None:
    step = error(status, f"key {KEY}", headers={"Location": f"https://{KEY}.example/{KEY}"})
    with EndpointServer(lambda asked: step) as server, pytest.raises((ConfigError, RunBroken)) as wrong:
        ask_all(server, map(str, range(30)), key_env="SOME_KEY", tries=1)
    assert KEY not in "".join(traceback.format_exception(wrong.value))


def test_a_word_that_is_not_a_secret_may_occur_in_an_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "ollama")
    with EndpointServer(lambda asked: Step(body=completion("ollama run"))) as server:
        assert ask_all(server, key_env="SOME_KEY").only.output == "ollama run"


def test_log_filters_are_removed_at_the_end() -> None:
    with EndpointServer() as server:
        ask_all(server, key_env="SOME_KEY")
    assert all(not logging.getLogger(name).filters for name in ("httpx2", "httpcore2.http11", "httpcore2.connection"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/v1", "begin with"), ("api.example.com/v1", "begin with"), ("https:///v1", "no host"), ("", "begin"),
        ("https://me:secret@host/v1", "user or password"), ("https://secret@host/v1", "user or password"),
        ("https://host/v1?api_key=secret", "key after"), ("https://host/v1?a=1&sig=secret", "key after"),
        ("https://host/v1#secret", 'after "#"'), ("https://ho st/v1", "white space"), ("https://host:port/v1", "cannot be read"),
        ("https://[::1/v1", "cannot be read"), ("https://host\\@evil/v1", "user or password"),
    ],
)  # fmt: skip
def test_a_wrong_address_is_an_error_that_repeats_no_secret(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as wrong:
        Endpoint(url=url, model="m")
    assert "secret" not in str(wrong.value)


def test_all_problems_of_an_endpoint_are_reported_together() -> None:
    with pytest.raises(ConfigError) as wrong:
        Endpoint(
            url="x", model="", concurrency=0, tries=0, seconds_per_call=0, most_seconds=0,
            parameters={"n": 2, "stream": True, "x": {1}},
        )  # fmt: skip
    for said in (
        '"x"',
        '"model"',
        '"concurrency"',
        '"tries"',
        '"seconds_per_call"',
        '"most_seconds"',
        '"n"',
        '"stream"',
    ):
        assert said in str(wrong.value)
    assert "JSON" in str(wrong.value)


@pytest.mark.parametrize(
    ("url", "here", "warned"),
    [
        ("http://localhost:1/v1", True, False), ("http://127.9.9.9:1", True, False), ("http://[::1]:1", True, False),
        ("http://[::ffff:127.0.0.1]:1", True, False), ("http://vllm:1", False, False), ("http://10.1.2.3:1", False, False),
        ("http://gpu.internal:1", False, False), ("http://8.8.8.8:1", False, True), ("http://api.example.com", False, True),
        ("http://localhost.example.com:1", False, True), ("https://api.example.com", False, False),
    ],
)  # fmt: skip
def test_how_far_away_an_endpoint_is(url: str, here: bool, warned: bool) -> None:
    from tuneworth.core import is_near

    assert Endpoint(url=url, model="m").on_this_machine == here
    assert (url.startswith("http:") and not is_near(url)) == warned


def test_an_unencrypted_connection_to_a_remote_host_gives_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with EndpointServer() as proxy:  # so that nothing leaves this machine
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        answers = ask_all("http://api.example.com/v1", key_env="SOME_KEY")
    assert answers.only.output == "ONE"
    assert answers.warnings == [
        "http://api.example.com: http:// sends texts and the key unencrypted; use https:// if the host offers it"
    ]
    assert proxy.requests[0].path == "http://api.example.com/v1/chat/completions"


def test_no_proxy_is_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with EndpointServer() as server:
        assert ask_all(server).only.output == "ONE"
        assert ask_all(server.url.replace("127.0.0.1", "localhost")).only.output == "ONE"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://host"])
def test_a_proxy_that_cannot_be_used_is_an_error_that_names_the_variables(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(ConfigError, match="HTTPS_PROXY"):
        ask_all("https://api.example.com/v1")


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example", "xn--a", "ex ample".replace(" ", "\u00a0"), "\u2024"])
def test_an_impossible_host_name_is_one_clear_error(host: str) -> None:
    with pytest.raises(ConfigError, match=r"Check the address|white space|cannot be read"):
        ask_all(f"https://{host}/v1", map(str, range(9)))


def test_a_proxy_that_requires_a_login_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with EndpointServer(lambda asked: Step(407, b"")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        with pytest.raises(ConfigError, match="requires a login"):
            ask_all("http://gpu:1/v1", map(str, range(9)))


def test_an_unknown_host_is_one_clear_error() -> None:
    with pytest.raises(ConfigError, match=r"the host no-such-host\.invalid.* cannot be found"):
        ask_all("https://no-such-host.invalid/v1", map(str, range(9)))


def test_an_untrusted_certificate_stops_the_run_and_a_trusted_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ssl

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with EndpointServer(tls=context) as server:
        with pytest.raises(ConfigError, match=r"certificate.*not trusted") as wrong:
            ask_all(server, map(str, range(9)), key_env="SOME_KEY")
        assert server.requests == []
        assert "SSL_CERT_FILE" in str(wrong.value)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert ask_all(server).only.output == "ONE"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
        with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
            ask_all(server)


def test_https_to_a_port_without_tls_is_reported() -> None:
    with EndpointServer() as server, pytest.raises(ConfigError, match="does not speak TLS"):
        ask_all(server.url.replace("http://", "https://"))


def test_texts_with_any_character_arrive_unchanged() -> None:
    def behave(asked: Asked) -> Step:
        return Step(body=completion(asked.text))

    texts = ["ü\u2028\0\x1b[31m", "日本語 🙂", '"\\', ""]
    with EndpointServer(behave) as server:
        assert [reply.output for reply in ask_all(server, texts).replies] == texts
