"""`--quiet` prints the answer and nothing else, whatever libraries would like to say."""

import pytest

from tuneworth.cli import main

from .test_help import EVERY


@pytest.mark.parametrize("name", EVERY)
def test_every_command_has_the_switch(name):
    assert any("--quiet" in param.opts for param in EVERY[name].params)


@pytest.mark.slow
def test_only_the_answer_of_training_and_evaluating_is_printed(curated, capfd):
    """Read from the file descriptors, since libraries may write past Python's standard error."""
    for words in (["train", "--dry-run"], ["train", "--merge"], ["evaluate"], ["why"], ["runs"], ["report"]):
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([*words, str(curated), "--quiet"])
        printed = capfd.readouterr()
        assert (left.value.code, printed.err) == (0, ""), words
        assert printed.out.strip()
        assert "Next:" not in printed.out
