"""The outcome of `tuneworth watch`, for a terminal and as the text of an issue."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core import filled, from_json, notebook_page, quote, roughly, say
from ...evaluate.results import Share
from ...reports import date_words, markdown_page, share_text, short, typeset_parts

Content = Mapping[str, Any]
MOST_LINES = 8  # of differences, changed assumptions and rules
ID = 60  # characters of a name from outside


def watch_title(content: Content) -> str:
    """The answer in one line, with what it is about."""
    about = f"run {short(str(content['run']), ID)}"
    if content["answer"] == "decide again":
        again = content["again"]
        also = "; the served model is worse than judged" if content["worse"] else ""
        return f"Decide again: {_decision(again['now'])}, not {_decision(again['before'])}{also} ({about})"
    if content["answer"] == "worse":
        return f"Worse than judged: {_and(_worse_parts(content))} ({about})"
    notes = _and(_notes(content))
    return f"As judged{f', but {notes}' if notes else ''} ({about})"


def _decision(verdict: Mapping[str, Any]) -> str:
    what = f" ({verdict['what']})" if verdict.get("what") else ""
    return f"{verdict.get('decision')}{what}"


def _and(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _worse_parts(content: Content) -> list[str]:
    fallen = [one for one in content["endpoints"] if one["standing"]["worse"]]
    parts = [f"{_name(one)} fell by {say.points(one['standing']['fall']['value'])}" for one in fallen]
    live = (content["logs"] or {}).get("live")
    if live and live["worse"]:
        parts.append(f"{say.percent(live['acceptable']['share'])} of the live outputs are acceptable")
    return parts


def _notes(content: Content) -> list[str]:
    """What a reader should know although the answer is `as judged`."""
    notes = [f"{_name(one)} did not answer" for one in content["endpoints"] if _silent(one)]
    notes += [f"{_name(one)} names another model" for one in content["endpoints"] if one["model_before"]]
    drift = (content["logs"] or {}).get("drift")
    notes += ["the requests have changed"] if drift and drift["drifted"] else []
    return notes + (["the base model retires soon"] if _retires_soon(content) else [])


def _name(endpoint: Mapping[str, Any]) -> str:
    return f'"{short(endpoint["model"], ID)}"'


def _silent(endpoint: Mapping[str, Any]) -> bool:
    return endpoint["look"] is not None and not endpoint["look"]["answered"]


def _retires_soon(content: Content) -> bool:
    return content["retires"] is not None and content["retires"]["soon"]


# --- what was found, by what was watched --------------------------------------------------------------------------


def watch_blocks(content: Content) -> list[tuple[str, list[str]]]:
    """Each thing that was watched, with its lines."""
    blocks = [(_endpoint_title(one), list(_endpoint_lines(one))) for one in content["endpoints"]]
    if content["logs"] is not None:
        blocks.append((f"Log {short(content['logs']['file'], ID)}", list(_log_lines(content))))
    blocks.append(("Verdict today", list(_verdict_lines(content))))
    return blocks


def _endpoint_title(endpoint: Mapping[str, Any]) -> str:
    return f"Model {_name(endpoint)} at {short(endpoint['endpoint'], 2 * ID)}"


def _endpoint_lines(endpoint: Mapping[str, Any]) -> Iterator[str]:
    look, standing = endpoint["look"], endpoint["standing"]
    if look is None:
        yield "No look was made yet."
        return
    if not look["answered"]:
        reason = short(str(look["reason"]).partition("\n")[0])
        yield f"No answer on {_day(look)}: {reason}. This is no evidence, and nothing was spent."
    if not standing["looks"]:
        return
    if look["answered"]:
        yield _look_line(endpoint, look)
        yield from _change_lines(look)
    yield _fall_line(standing)
    yield _evidence_line(standing)
    for key, what in (("model_before", "model"), ("fingerprint_before", "system fingerprint")):
        if endpoint[key]:
            now = look["models" if what == "model" else "fingerprints"]
            yield f"The answers name the {what} {_names(now)}; at the first look it was {_names(endpoint[key])}."
    if endpoint["earlier"]:
        several = say.count(endpoint["earlier"], "earlier look")
        yield f"{several} compared with other outcomes (the style or the outputs have changed since) and do not count."


def _look_line(endpoint: Mapping[str, Any], look: Mapping[str, Any]) -> str:
    cost = "" if look.get("cost") is None else f", {say.money(float(look['cost']), look['currency'])}"
    asked = f"{look['answered']:,} of {endpoint['test_rows']:,} test rows{cost}"
    acceptable, before = _share(look["acceptable"]), say.percent(look["recorded"])
    when = "Look" if endpoint["looked"] else "Last look"
    return (
        f"{when} {look['look']} ({_day(look)}): {asked}. Acceptable {acceptable}; the same rows at judging: {before}."
    )


def _share(found: Mapping[str, Any]) -> str:
    return share_text(from_json(found, Share))


def _change_lines(look: Mapping[str, Any]) -> Iterator[str]:
    lost = [id for id, fall in look["falls"].items() if fall > 0]
    if not look["falls"]:
        yield "Every row was judged as before."
        return
    yield f"{say.count(len(lost), 'row')} lost, {say.count(len(look['falls']) - len(lost), 'row')} gained."
    if look["rules"]:
        rules = [f"{short(rule, ID)} ({count})" for rule, count in list(look["rules"].items())[:MOST_LINES]]
        yield f"Lost rows now break: {', '.join(rules)}."


def _fall_line(standing: Mapping[str, Any]) -> str:
    fall, since = standing["fall"], standing["since"]
    ends = f" ({say.points_range(-fall['high'], -fall['low'])})" if fall["low"] is not None else ""
    change = f"{say.signed_points(-fall['value'])}{ends} on {say.count(fall['rows'], 'row')}, paired"
    state = "Worse" if standing["worse"] else "As judged"
    back = " It was worse at the look before and has recovered." if standing["recovered"] else ""
    return f"{state} since look {since['look']} ({_day(since)}): {change}.{back}"


def _evidence_line(standing: Mapping[str, Any]) -> str:
    spent, allowed = say.stated_share(roughly(standing["spent_this_year"])), say.percent(standing["allowed"])
    evidence = (
        f"Evidence that it is worse: {_evidence(standing['evidence'])}; an alarm needs {say.count(standing['needed'])}."
    )
    return f"{evidence} False-alarm probability spent: {spent} of this year's {allowed}."


def _evidence(value: float) -> str:
    return "over 1,000" if value > 1_000 else "under 0.01" if value < 0.01 else say.count(value)


def _day(look: Mapping[str, Any]) -> str:
    return date_words(look["made"])


def _names(names: Sequence[str]) -> str:
    return ", ".join(f'"{short(name, ID)}"' for name in names[:MOST_LINES]) or "none"


def _log_lines(content: Content) -> Iterator[str]:
    logs = content["logs"]
    empty = f", {say.count(logs['no_output'])} of them without an output" if logs["no_output"] else ""
    yield f"{say.count(logs['new'])} of {say.count(logs['rows'], 'request')} are new{empty}."
    if logs["unread"]:
        yield f"{say.count(logs['unread'], 'record')} could not be read as a request with an output and do not count."
    live = logs["live"]
    if live and live["windows"]:
        yield _live_line(live)
        yield _evidence_line(live)
    if logs["rules"]:
        rules = [f"{short(rule, ID)} {say.percent(share)}" for rule, share in list(logs["rules"].items())[:MOST_LINES]]
        yield f"New outputs break: {', '.join(rules)}."
    yield from _drift_lines(logs["drift"])
    yield from _volume_lines(content)


def _live_line(live: Mapping[str, Any]) -> str:
    found = f"acceptable {_share(live['acceptable'])} of {say.count(live['n'], 'output')}"
    recorded = f"at judging {_share(live['recorded'])}"
    since = f" since {date_words(live['since'])}"
    return (
        f"{'Worse' if live['worse'] else 'As judged'}{since}: {found}; {recorded}. No references are needed for this."
    )


def _drift_lines(drift: Mapping[str, Any] | None) -> Iterator[str]:
    if drift is None:
        yield "The requests were compared with those of the run less than a week ago."
        return
    if drift["reason"] is not None:
        yield f"The requests were not compared with those of the run: {drift['reason']}."
    elif not drift["drifted"]:
        p = say.count(drift["p_value"])
        yield (
            f"The requests do not differ from those of the run: p = {p}, and {say.percent(drift['level'])} or less "
            "would be a difference."
        )
    else:
        yield (
            f"The requests differ from those of the run (false-alarm probability {say.percent(drift['level'])} for all "
            "differences together):"
        )
        yield from (f"- {_difference(one)}" for one in drift["differences"][:MOST_LINES])
    for name, count in list(drift["new"]["fields"].items())[:MOST_LINES]:
        yield f'The field "{short(name, ID)}" is new ({say.count(count, "request")}).'
    for name, values in list(drift["new"]["values"].items())[:MOST_LINES]:
        shown = ", ".join(f"{short(value, ID)} ({count})" for value, count in list(values.items())[:5])
        yield f'New values of "{short(name, ID)}": {shown}.'


def _difference(one: Mapping[str, Any]) -> str:
    field, value, kind = short(one["field"], ID), short(one["value"], ID), one["kind"]
    if kind in ("number", "length"):
        what = f'"{field}"' if kind == "number" else "the length in characters"
        return f"{what}: median {say.count(one['live'])}, in the run {say.count(one['known'])}"
    what = {
        "missing": f'"{field}" is missing or empty',
        "value": f'"{field}" is "{value}"',
        "rare": f'"{field}" has a value that hardly any other request has',
        "language": f'the language is "{value}"',
        "word": f'the word "{value}"',
    }[kind]
    return f"{what}: {say.percent(one['live'])} of the requests, in the run {say.percent(one['known'])}"


def _volume_lines(content: Content) -> Iterator[str]:
    volume = content["volume"]
    if volume is None:
        return
    part = "" if volume["log_share"] == 1 else f" (the log holds {say.percent(volume['log_share'])} of them)"
    per_day = say.count(round(volume["requests_per_day"]))
    yield f"{per_day} requests a day from {date_words(volume['from'])} to {date_words(volume['to'])}{part}."


def _verdict_lines(content: Content) -> Iterator[str]:
    again, retires = content["again"], content["retires"]
    if again is None:
        yield "The run has no verdict, so there is none to give again."
    elif again["reason"] is not None:
        yield f"The verdict was not given again: {short(again['reason'])}."
    else:
        if again["another"]:
            yield f"Before: {again['before']['sentence'] or _decision(again['before'])}"
        yield f"{'Now' if again['another'] else 'As before'}: {again['now']['sentence'] or _decision(again['now'])}"
        if again["measured_volume"] is not None:
            yield "The requests a day of the log are outside the range that the money assumed, so they were taken."
        yield from (_changed(one) for one in again["changed"][:MOST_LINES])
    if retires is not None:
        when = f"in {say.days(retires['days'])}" if retires["days"] >= 0 else f"{say.days(-retires['days'])} ago"
        yield (
            f"The base model retires on {date_words(retires['date'])}, {when}."
            if retires["days"] >= 0
            else (f"The base model was to retire on {date_words(retires['date'])}, {when}.")
        )


def _changed(one: Mapping[str, Any]) -> str:
    ends = (say.stated(one[key]) if one[key] is not None else "not known" for key in ("from", "to"))
    before, after = ends
    return f"Changed: {short(one['key'], ID)} from {before} to {after} {one['unit'] or ''} ({one['source']})."


# --- what to do --------------------------------------------------------------------------------------------------


def watch_advice(content: Content) -> list[str]:
    """What to do about it, commands in backticks."""
    run = quote(f"runs/{content['run']}")
    advice = [
        f"Run `tuneworth serve-check {run} --endpoint {quote(one['endpoint'])} --model {quote(one['model'])}`: it compares "
        "with the recorded outputs and names the cause."
        for one in content["endpoints"]
        if one["standing"]["worse"]
    ]
    if content["worse"]:
        advice.append(
            "If the change is intended, judge the new model: `tuneworth evaluate`. If not, put back what was served before."
        )
    if content["answer"] == "decide again":
        advice.append(f"Keep the new verdict with `tuneworth report {run}`, then act on it.")
    if ((content["logs"] or {}).get("drift") or {}).get("drifted"):
        advice.append(
            "Add pairs like the new requests and train again; until then the judged share says little about those requests."
        )
    if _retires_soon(content):
        advice.append("Choose the next base model and train on it before the date.")
    return advice


def watch_text(content: Content) -> str:
    """The title, what was found, and what to do."""
    lines = [*filled(watch_title(content)), *([f"{content['busy']}; nothing was asked"] if content["busy"] else [])]
    for title, found in watch_blocks(content):
        lines += ["", title, *(line for text in found for line in filled(text, indent=2))]
    advice = [text.replace("`", "") for text in watch_advice(content)]
    lines += ["", "What to do"] if advice else []
    return "\n".join(lines + [line for text in advice for line in filled(text, indent=2)])


def watch_markdown(content: Content) -> str:
    """The same as the text of an issue; its first line is the issue's title."""
    blocks = [(title, [text.removeprefix("- ") for text in found]) for title, found in watch_blocks(content)]
    advice = [typeset_parts(text) for text in watch_advice(content)]
    return markdown_page(
        "watch.md.j2", folder=Path(__file__).parent, content=content, title=watch_title(content),
        day=date_words(content["made"]), blocks=blocks, advice=advice,
    )  # fmt: skip


def watched_html(content: Mapping[str, Any]) -> str:
    """The answer of a watch, what it found, and what to do."""
    found = [(title, "\n".join(lines)) for title, lines in watch_blocks(content)]
    advice = "\n".join(watch_advice(content))
    return notebook_page(watch_title(content), texts=[*found, *([("What to do", advice)] if advice else [])])
