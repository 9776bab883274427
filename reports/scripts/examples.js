// The examples: search, filters, order and paging; differences between outputs; keyboard shortcuts.
(() => {
  "use strict";
  const part = document.getElementById("examples");
  const box = part && part.querySelector(".filters");
  if (!box) return;
  const FIRST = 10;
  const MORE = 20;
  const named = (name) => box.querySelector(`[name="${name}"]`) || { value: "" };
  const button = (name) => part.querySelector(`button[value="${name}"]`);
  const search = box.querySelector("[type=search]");
  const [kind, check, group, order, against] = ["kind", "check", "group", "order", "against"].map(named);
  const checks = [...(check.options || [])].map((option) => option.value).slice(1);
  const place = part.querySelector(".gallery");
  const further = part.querySelector(".further");
  const rows = [...place.children].map((card, number) => ({
    card, number, kind: card.dataset.kind, checks: card.dataset.checks.split(" "), group: card.dataset.group,
    id: card.querySelector("h3 bdi").textContent,
    outputs: [...card.querySelectorAll(":scope > .pair > .answer:not(.ref) > .output")],
    reference: card.querySelector(".ref > .output"),
  }));
  let found = rows;
  let most = FIRST;
  let comparing = false;

  // The number of characters of an output that are not shown.
  const leftOff = ({ nextElementSibling: note }) =>
    note && note.matches(".left") ? Number(note.textContent.replace(/\D/g, "")) : 0;
  // Computed at the first search or sort, so that the page opens faster.
  const facts = (row) => {
    if (row.facts) return row.facts;
    const texts = row.outputs.map(exampleText.plain);
    const others = [...row.card.querySelectorAll(".others .output")].map(exampleText.plain);
    const reference = exampleText.plain(row.reference);
    const request = row.card.querySelector(".request").textContent;
    const notes = [...row.card.querySelectorAll(".faults li")].map((li) => li.textContent);
    row.facts = {
      text: exampleText.fold([row.id, request, ...texts, ...others, reference, ...notes].join("\n")),
      long: Math.max(...row.outputs.map((output, side) => texts[side].length + leftOff(output))),
      faults: row.checks.filter(Boolean).length, // cards with little space have these but no list of violations
      far: 1 - exampleText.similarity(texts[texts.length - 1] || "", reference),
    };
    return row.facts;
  };
  const fits = (row, sought) =>
    (!kind.value || row.kind === kind.value || (kind.value === "differences" && ["lost", "won"].includes(row.kind))) &&
    (!check.value || row.checks.includes(String(checks.indexOf(check.value)))) &&
    (!group.value || row.group === group.value) &&
    sought.every((word) => facts(row).text.includes(word));

  const show = () => {
    rows.forEach((row) => { row.card.hidden = true; });
    found.forEach((row, number) => {
      row.card.hidden = false;
      row.card.classList.toggle("beyond", number >= most);
    });
    const seen = Math.min(most, found.length);
    const all = found.length === rows.length;
    const count = all ? `${rows.length} examples` : `${found.length} of ${rows.length} found`;
    box.querySelector("output").textContent =
      seen < found.length ? `${count}, ${seen} shown` : `${seen} of ${rows.length} shown`;
    part.querySelector(".nothing").hidden = found.length > 0;
    if (further) {
      further.hidden = seen === found.length;
      button("some").textContent = `Show ${Math.min(MORE, found.length - seen)} more`;
      button("every").textContent = `Show all ${found.length}`;
    }
    compare();
  };
  const apply = () => {
    const sought = exampleText.fold(search.value).split(/\s+/).filter(Boolean);
    found = rows.filter((row) => fits(row, sought));
    most = FIRST;
    const key = order.value;
    if (key === "id") found.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.number - b.number));
    else if (key) found.sort((a, b) => facts(b)[key] - facts(a)[key] || a.number - b.number);
    // Reorder the page itself, so that keyboard and screen reader follow the same order.
    if (found.some((row, number) => number && found[number - 1].card.compareDocumentPosition(row.card) & 2)) {
      place.append(...found.map((row) => row.card));
    }
    const chosen = [search, kind, check, group, order].some((field) => field.value);
    button("clear").hidden = !chosen;
    if (button("differences")) {
      button("differences").setAttribute("aria-pressed", String(kind.value === "differences"));
    }
    show();
  };
  const clear = () => {
    for (const field of [search, kind, check, group, order]) field.value = "";
    apply();
  };

  // Marks differences in the visible cards, one card at a time between frames.
  let waiting = [];
  const undo = (row) => {
    row.outputs.forEach(exampleText.unmark);
    row.card.querySelectorAll(".uncompared").forEach((note) => note.remove());
    row.compared = "";
  };
  const marked = (row) => {
    const [one, two] = row.outputs;
    const texts = row.outputs.map(exampleText.plain);
    const pairs = against.value === "reference"
      ? row.outputs.map((output, number) => [[output], exampleText.differences(texts[number], exampleText.plain(row.reference))])
      : [[[one, two], exampleText.differences(texts[0], texts[1])]];
    for (const [outputs, spans] of pairs) {
      if (spans) outputs.forEach((output, number) => exampleText.mark(output, spans[number]));
      else {
        const note = document.createElement("p");
        note.className = "cut uncompared";
        note.textContent = "Too long to compare word by word.";
        outputs[0].after(note);
      }
    }
    row.compared = against.value;
  };
  const work = () => {
    const end = performance.now() + 8;
    while (waiting.length && performance.now() < end) {
      const row = waiting.shift();
      if (row.compared) undo(row);
      if (comparing) marked(row);
    }
    if (waiting.length) requestAnimationFrame(work);
  };
  const compare = () => {
    const wanted = comparing ? against.value : "";
    const idle = !waiting.length;
    waiting = (wanted ? found.slice(0, most) : rows).filter((row) => (row.compared || "") !== wanted);
    if (waiting.length && idle) work();
  };
  // The outputs of a chosen variant that is not compared; where it is the same as a compared one, the card says so.
  const also = named("also");
  const alsoShow = () => {
    for (const { card } of rows) {
      const others = card.querySelector(".others");
      if (!others) continue;
      const answers = [...others.querySelectorAll(".answer")];
      for (const answer of answers) {
        answer.hidden = !["", "all"].includes(also.value) && !answer.dataset.v.split(" ").includes(also.value);
      }
      others.hidden = answers.every((answer) => answer.hidden);
      others.open = also.value !== "";
    }
  };
  const toggle = () => {
    comparing = !comparing;
    button("words").setAttribute("aria-pressed", String(comparing));
    box.querySelector(".against").hidden = !comparing;
    compare();
  };

  const step = (by) => {
    const at = found.findIndex((row) => row.card.contains(document.activeElement));
    const next = at < 0 ? (by > 0 ? 0 : -1) : at + by;
    if (next < 0 || next >= found.length) return;
    if (next >= most) { most = next + MORE; show(); }
    const { card } = found[next];
    card.tabIndex = -1;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "start" });
  };
  const keys = box.querySelector(".keys");
  const actions = {
    j: () => step(1),
    k: () => step(-1),
    d: toggle,
    "/": () => { search.focus(); search.select(); },
    "?": () => { keys.open = !keys.open; keys.querySelector("summary").focus(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (!keys.querySelector("input").checked || document.querySelector("dialog[open]")) return;
    if (event.target.closest && event.target.closest("input, select, textarea, [contenteditable]")) return;
    const action = Object.hasOwn(actions, event.key) && actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  let pause = 0;
  search.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(apply, 120); });
  for (const field of [kind, check, group, order]) {
    if (field.addEventListener) field.addEventListener("change", apply);
  }
  if (against.addEventListener) against.addEventListener("change", compare);
  if (also.addEventListener) also.addEventListener("change", alsoShow);
  const press = (name, action) => { if (button(name)) button(name).addEventListener("click", action); };
  press("differences", () => { kind.value = kind.value === "differences" ? "" : "differences"; apply(); });
  press("words", toggle);
  press("clear", () => { clear(); search.focus(); });
  press("some", () => { most += MORE; show(); });
  press("every", () => { most = Infinity; show(); });
  // A link from a rule elsewhere on the page filters for the examples that break it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[data-check]");
    if (!link || !checks.includes(link.dataset.check)) return;
    for (const field of [search, kind, group]) field.value = "";
    check.value = link.dataset.check;
    apply();
  });
  // The page's address may point to a mark or note in a card that is not shown yet.
  const reveal = () => {
    let name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch { /* not encoded */ }
    const target = document.getElementById(name);
    const row = target && rows.find((one) => one.card.contains(target));
    if (!row || !row.card.matches("[hidden], .beyond")) return;
    if (row.card.hidden) clear();
    most = Infinity;
    show();
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);
  box.hidden = false;
  apply();
  reveal();
})();
