"""Hostile texts in every place, read in a real browser: nothing runs, nothing is asked for, all of it shows as text."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneworth.curate import curate, write_curated
from tuneworth.reports import write_report

from .chromium import Window
from .poison import poison

pytestmark = pytest.mark.browser

PAYLOADS = {
    "script": "</script><script>window.owned=1</script>",
    "title and style": "</title></style><style>*{display:none}</style><script>window.owned=1</script>",
    "handlers": '<img src=x onerror="window.owned=1"><body onload=window.owned=1><details open ontoggle=window.owned=1>',
    "vector": "<svg onload=window.owned=1><script href=data:,window.owned=1></script><animate onbegin=window.owned=1>",
    "out of an attribute": "\" onfocus=window.owned=1 autofocus tabindex=0 x='' ' onmouseover='window.owned=1' `",
    "addresses": "javascript:window.owned=1 <a href=javascript:window.owned=1>x</a><iframe src=data:text/html,x></iframe>",
    "meta": "<meta http-equiv=refresh content=0;url=https://tuneworth.invalid/><base href=https://tuneworth.invalid/>",
    "links": "<link rel=stylesheet href=https://tuneworth.invalid/x.css><form action=https://tuneworth.invalid/><input>",
    "templates": "{{7*7}}{% raw %}${7*7}<%= 7*7 %>{{ self.__init__ }}",
    "ends": "]]>-->*/;}</textarea></pre></noscript></template><!--<![CDATA[",
    "css": "\\22 ;}*{background:url(https://tuneworth.invalid/x)} \\3c/style\\3e expression(window.owned=1)",
    "lines": "\u2028\u2029window.owned=1//\r\nwindow.owned=1\x0b\x0c\x85",
    "directions": "\u202eowned\u2066\u2067\u200f\u061c\ufeff",
    "broken": "\x00\x01\x1b[31m\ud800\udfff\ufffe\uffff\x7f",
    "marks": "Z" + "\u0300\u0301\u0302\u0489\u0363" * 60,
    "entities": "&lt;script&gt;&#60;script&#62;window.owned=1&#60;/script&#62;&amp;&quot;&NewLine;",
}
# Elements that only data could have brought, and handlers or addresses that only data could have set.
FOREIGN = """[...document.querySelectorAll("*")].filter(e =>
  ["IMG", "IFRAME", "OBJECT", "EMBED", "BASE", "FORM", "BODY"].includes(e.tagName) && e !== document.body
  || [...e.attributes].some(a => /^on/i.test(a.name) || /^\\s*javascript:/i.test(a.value) && e.tagName === "A")
  || e.tagName === "A" && !e.getAttribute("href")?.startsWith("#")
  || e.tagName === "SCRIPT" && e.type !== "application/json" && e !== document.scripts[document.scripts.length - 1]
  || e.tagName === "META" && e.httpEquiv === "refresh" || e.tagName === "LINK" && e.rel !== "icon"
  || e.tagName === "STYLE" && e.parentElement !== document.head
).map(e => e.outerHTML.slice(0, 200))"""


def _read(window: Window, page: Path, title: str) -> str:
    """The words of the page, after everything that must not happen did not."""
    window.open(page)
    dialogs: list[str] = []
    window.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    # Everything open, everything filled: what runs late runs now.
    window.value("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    window.value("document.querySelectorAll('select').forEach(s => { s.selectedIndex = s.options.length - 1; "
                 "s.dispatchEvent(new Event('change', { bubbles: true })); })")  # fmt: skip
    assert window.value("typeof window.owned") == "undefined"
    assert window.value(FOREIGN) == []
    assert window.value("document.title").startswith(title)
    assert window.value("document.querySelectorAll('style').length") == 1
    assert window.messages == []
    assert window.asked() == []
    assert dialogs == []
    return window.value("document.body.textContent")


def _bare(text: str) -> str:
    """Letters, digits and marks that every way of showing a text keeps."""
    return "".join(c for c in text if c.isprintable() and not c.isspace())


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_hostile_run_shows_as_text(window: Window, make_run: Callable[..., Path], payload: str) -> None:
    run = make_run(n=20)
    poison(run, payload)
    words = _read(window, write_report(run)[0], "Fine-tune: components")
    shown = _bare(payload)
    assert _bare(words).count(shown) > 100, "the payload is not shown as it is"


@pytest.mark.parametrize("payload", list(PAYLOADS.values())[:6], ids=list(PAYLOADS)[:6])
def test_a_hostile_run_of_five_variants_shows_as_text(
    window: Window, pages: dict[str, Path], tmp_path: Path, payload: str
) -> None:
    real = pages["five variants"].parent
    for name in ("results.json", "run.json", "evaluate/outputs.jsonl", "evaluate/pairs.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((real / name).read_bytes())
    poison(tmp_path, payload)
    assert _bare(payload) in _bare(_read(window, write_report(tmp_path)[0], ""))


@pytest.mark.parametrize("name", ["script", "handlers", "out of an attribute", "css", "lines", "directions"])
def test_hostile_pairs_that_were_curated_show_as_text(window: Window, tmp_path: Path, name: str) -> None:
    payload = PAYLOADS[name]
    rows = [
        {"input": f"{payload} {n} of a kind {n * n}", "output": f"{n % 7} {payload}", "id": f"{payload}{n}"}
        for n in range(40)
    ]
    write_curated(curate(rows + rows[:9]), tmp_path)
    facts = {"project": payload, "created": payload, "command": payload, "versions": {payload: payload}, "seed": 0}
    (tmp_path / "run.json").write_text(json.dumps(facts), "ascii")
    assert _bare(payload) in _bare(_read(window, write_report(tmp_path)[0], ""))


def test_the_policy_of_a_page_allows_its_own_script_and_nothing_else(window: Window, pages: dict[str, Path]) -> None:
    for kind, page in pages.items():
        html = page.read_text(encoding="utf-8")
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
        assert policy, kind
        rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
        assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'", kind
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}'", rules["script-src"]), kind
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}'", rules["style-src"]), kind
        assert not re.search(r"<[^>]* style=", html), kind
        assert html.index("Content-Security-Policy") < html.index("<style") < html.index("<script"), kind
        window.open(page)
        window.value(
            "document.body.append(Object.assign(document.createElement('script'), { text: 'window.owned = 1' }))"
        )
        assert window.value("typeof window.owned") == "undefined", kind
        assert "Content Security Policy" in window.messages[-1], kind


@pytest.mark.smoke
def test_no_page_says_anything_on_the_console_or_asks_for_anything(window: Window, pages: dict[str, Path]) -> None:
    for kind, page in pages.items():
        window.open(page)
        window.value("window.scrollTo(0, document.body.scrollHeight)")
        window.paper()
        assert window.messages == [], kind
        assert window.asked() == [], kind
