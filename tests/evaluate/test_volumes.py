"""The two volumes at which tuning pays are named apart wherever they are printed."""

import re
from datetime import date

from tuneworth.evaluate import BREAK_EVEN, break_even
from tuneworth.evaluate.money.payback import pays_in_time
from tuneworth.reports import money_text

from .situations import costs, decide, situation, whole

TODAY = date(2026, 11, 1)


def test_the_two_volumes_of_one_situation_have_their_own_words():
    results = situation((960, 10, 10, 20), roi=costs(20))
    verdict, text = decide(results, margin=0.03), " ".join(money_text(whole(results).money).split())
    target = re.search(
        r"it would pay back within 90 days at about ([\d,]+) requests a day or more", verdict["sentence"]
    )
    horizon = re.search(r"Breaks even over 365 days at ([\d,]+) requests a day", text)
    assert target
    assert horizon
    in_time, even = (float(found[1].replace(",", "")) for found in (target, horizon))
    assert in_time > even
    assert even == round(results["money"]["break_even_requests_per_day"])


def test_no_volume_and_any_volume_are_said_so():
    assert break_even(None, 365) == "at no volume"
    assert break_even(0, 365) == "at any volume"
    assert break_even(751.4, None) == "over the horizon at 751 requests a day"
    assert pays_in_time("3,770", None) == "it would pay back in time at about 3,770 requests a day or more"
    assert "horizon" in BREAK_EVEN
