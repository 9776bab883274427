// The output edited in place. A draft outlives a failed save, a look at another row and a reload of the page.
import { button, make } from "./dom.js";
import { desk } from "./state.js";

const STORE = "tuneworth/review/drafts";
let drafts = {};
let open = null;
try { drafts = JSON.parse(sessionStorage.getItem(STORE)) || {}; } catch { /* no drafts are kept */ }

const name = ({ kind, key }) => `${desk.state.overrides}\n${kind}\n${key}`;
const keep = (item, text) => {
  if (text === null) delete drafts[name(item)];
  else drafts[name(item)] = text;
  try { sessionStorage.setItem(STORE, JSON.stringify(drafts)); } catch { /* kept in the page alone */ }
};
export const draftOf = (item) => drafts[name(item)] ?? null;
// The open editor, an element with `text()` and `focusText()`, or null.
export const editor = () => open;
// Closes the editor. With an item, its draft is forgotten, as it is saved.
export const closeEditor = (saved = null) => {
  if (saved) keep(saved, null);
  if (!saved || open?.dataset.of === name(saved)) open = null;
};
const sources = (item) => [
  ...item.sides.map((side) => [item.sides.length > 1 ? `the ${side.name} text` : "the text as it is", side.text]),
  ...(item.repair ? [["the repaired text", item.repair.text]] : []),
];
export const startEditor = (item, { save, leave }) => {
  if (open?.dataset.of === name(item)) return;
  const first = draftOf(item) ?? item.sides[0].decision?.text ?? item.sides[0].text;
  const area = make("textarea", { "aria-label": `Output: ${item.sides[0].name}`, dir: "auto", spellcheck: "true", rows: "4", value: first });
  area.addEventListener("input", () => keep(item, area.value));
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save(); }
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); leave(); }
  });
  const from = ([words, text]) => button(`Start from ${words}`, () => { area.value = text; keep(item, text); area.focus(); }, { kind: "plain" });
  const choices = sources(item);
  open = make("div", { class: "editor", "data-of": name(item) }, area,
    (choices.length > 1 || first !== item.sides[0].text) && make("p", { class: "act" }, choices.map(from)));
  open.text = () => area.value;
  open.focusText = () => area.focus();
};
