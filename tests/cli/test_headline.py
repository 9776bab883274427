"""The answer in a terminal: verdict, how sure, numbers, doubt, in lines that fit."""

from tuneworth.evaluate import decide
from tuneworth.project import headline

from ..evaluate.situations import costs, situation


def told(**parts):
    results = situation(roi=costs(), **parts) | {"tokens": {}}
    return headline(results | {"verdict": decide(results)})


def test_it_says_how_sure_between_the_sentence_and_the_numbers():
    lines = told().splitlines()
    sure = next(number for number, line in enumerate(lines) if line.startswith("How sure? High: in practically every"))
    assert lines[0].startswith("Fine-tune: the tuned model")
    assert lines[sure - 1] == ""
    assert sure < next(number for number, line in enumerate(lines) if line.startswith("  acceptable, prompted: 70%"))
    assert any(line.startswith("Strongest reason for doubt: ") for line in lines)


def test_no_line_is_wider_than_a_terminal():
    assert max(map(len, told().splitlines())) <= 80
    assert " ".join(told().split()).count("it pays back in 16 days (12 to 25 days).") == 1


def test_a_machine_of_ones_own_is_not_free():
    hosted = {"hourly": 2.5, "requests_per_second": 2, "fixed_tokens": 0, "input_tokens": 150, "output_tokens": 150}
    results = situation(roi=costs() | {"tuned": hosted}) | {"tokens": {}}
    lines = headline(results | {"verdict": decide(results)}).splitlines()
    at = lines.index("  cost per acceptable output, tuned: 0.0128 EUR,")  # 60 EUR / (5,000 requests x 94%)
    assert lines[at + 1] == "    machines at 60 EUR a day included, at 5,000 requests a day"
    assert max(map(len, lines)) <= 80


def test_a_machine_without_a_volume_has_its_day_beside_the_cost():
    hosted = {"hourly": 2.5, "requests_per_second": 2, "fixed_tokens": 0, "input_tokens": 150, "output_tokens": 150}
    results = situation(roi=costs(None) | {"tuned": hosted}) | {"tokens": {}}
    lines = headline(results | {"verdict": decide(results)}).splitlines()
    assert "  cost per acceptable output, tuned: 0 EUR, machines 60 EUR a day" in lines


def test_a_word_longer_than_a_line_stays_whole():
    name = "x" * 200
    results = situation(others={name: 1.0}, roi=costs()) | {"tokens": {}}
    assert f'"{name}"' in headline(results | {"verdict": decide(results)})


def test_a_verdict_of_an_older_run_needs_no_confidence():
    results = situation(roi=costs()) | {"tokens": {}}
    verdict = decide(results)
    del verdict["confidence"]
    assert "How sure" not in headline(results | {"verdict": verdict})
