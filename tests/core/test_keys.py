"""A key is never repeated, neither in a foreign text nor if it is given instead of a variable's name."""

from typing import Any

import pytest

from tuneworth.core import ConfigError, Key, key_env_problems, read_key, withheld_keys
from tuneworth.evaluate import VariantSettings
from tuneworth.evaluate.search.settings import ReflectionSettings
from tuneworth.project import HostedSettings

KEYS = (
    "sk-proj-0123456789abcdefghij", "sk_live_51H8abcDEFghiJKLmno", "gsk_abcdefghijklmnopqrstuvwx", "hf_ABCDEFGHIJKLMNOPQRSTUV",
    "AIzaSyA1234567890abcdefghijklmnopqrstu", "d41d8cd98f00b204e9800998ecf8427e", "AKIAIOSFODNN7EXAMPLEX", "a b", "key=1",
    "xai-1", "Bearer abc", "a1b2c3d4e5f6",
)  # fmt: skip
NAMES = (
    "OPENAI_API_KEY",
    "openai_api_key",
    "TOGETHER_API_KEY_2024",
    "AZURE_OPENAI_SWEDENCENTRAL_KEY",
    "HF_TOKEN",
    "MyApi_Key",
)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_given_as_a_variables_name_is_recognised_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigError, match="look like a key") as wrong:
        read_key(key)
    assert key not in str(wrong.value)
    for settings in (
        lambda: VariantSettings(endpoint="https://a/v1", model="m", key_env=key),
        lambda: ReflectionSettings(endpoint="https://a/v1", model="m", key_env=key),
        lambda: HostedSettings(model="m", key_env=key),
    ):
        with pytest.raises(ConfigError, match="look like a key") as wrong:
            settings()
        assert key not in str(wrong.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_variables_name_is_repeated_if_the_variable_is_not_set(name: str) -> None:
    assert key_env_problems(name) == []
    with pytest.raises(ConfigError, match=f"variable {name}, which is not set"):
        read_key(name)


@pytest.mark.parametrize("text", ["hunter2", "ollama", "Passw0rd"])
def test_a_short_text_that_may_be_a_key_is_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match="is not set") as wrong:
        read_key(text)
    assert text not in str(wrong.value)


def test_a_variable_that_exists_may_have_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("a1b2c3d4e5f6", "secret")
    assert key_env_problems("a1b2c3d4e5f6") == []
    assert read_key("a1b2c3d4e5f6").headers == {"Authorization": "Bearer secret"}


@pytest.mark.parametrize(("stated", "said"), [("$OPENAI_API_KEY", '"OPENAI_API_KEY"'), ("${HF_TOKEN}", '"HF_TOKEN"')])
def test_a_name_as_a_shell_writes_it_is_corrected(stated: str, said: str) -> None:
    (problem,) = key_env_problems(stated)
    assert problem.endswith(f'without "$": {said}')


def test_an_empty_name_is_a_problem_and_a_missing_one_is_not() -> None:
    assert "is empty" in key_env_problems(" ")[0]
    assert key_env_problems(None) == []


def test_a_short_key_is_masked_only_as_a_whole_word() -> None:
    key = Key("ai")
    assert key.mask("the key ai failed; see mail at [ai], ai-1, ai_2") == (
        "the key *** failed; see mail at [***], ***-1, ai_2"
    )
    assert Key("12345678").mask("x12345678y") == "x***y"
    assert Key("$a.b").mask("is $a.b, $axb") == "is ***, $axb"


def test_a_key_is_masked_in_every_text_in_any_case_and_with_any_characters() -> None:
    key = Key('a"b\\c0123456789')
    data = {"x": ['A"B\\C0123456789', 7, None, {'is a"b\\c0123456789!': True}]}
    assert key.mask_data(data) == {"x": ["***", 7, None, {"is ***!": True}]}
    assert Key("ollama").mask_data(["ollama"]) == ["ollama"]  # no secret, and perhaps an output
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        key.mask_data(deep)


def test_variables_with_keys_are_withheld_once_settings_have_named_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_API_KEY", "secret")
    monkeypatch.setenv("OTHER_API_KEY", "secret")
    VariantSettings(endpoint="https://a/v1", model="m", key_env="ONE_API_KEY")
    assert withheld_keys()["ONE_API_KEY"] == ""
    assert "OTHER_API_KEY" not in withheld_keys()
    assert key_env_problems("ONE_API_KEY") == []
