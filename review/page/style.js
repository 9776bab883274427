// The style at the desk: each rule with its numbers; a change shows at once which rows it moves, and is saved on request.
import { Refused, get, post } from "./api.js";
import { button, count, dialog, fill, find, make, marked, rows } from "./dom.js";
import { key, keysOfView } from "./keys.js";
import { ruleCard } from "./rules.js";
import { takenText } from "./selection.js";
import { say } from "./state.js";

const PAGE = 20; // rows that a change moves, fetched at a time
const AGAIN = 1500; // milliseconds until counts are asked for again
const PAUSE = 250; // milliseconds after the last stroke before a change is tried
let style = null;
let edits = new Map(); // from `check/what` to the edit
let tried = null; // what the server said about the edits
let asking = null;
let timer = 0;
let opening = 0;
let reached = 0; // of how many rows the last answer spoke
let effect = null; // where the effect is shown

export const openStyle = async () => {
  const number = (opening += 1);
  document.title = "Style – Tuneworth review";
  fill(find("heading"), make("h1", { tabindex: "-1" }, "Style"));
  find("heading").firstChild.focus({ preventScroll: true });
  fill(find("view"), make("p", { class: "lead", role: "status" }, "Counting what each rule finds …"));
  try {
    const found = await get("style");
    if (number !== opening) return;
    style = found;
    show(takenText());
    if (found.counting) recount(number);
  } catch (error) {
    if (number === opening) fill(find("view"), make("p", { class: "lead" }, error.message));
  }
};
// Rules of many rows are counted in the background: the counts come when they are done.
const recount = (number) => setTimeout(async () => {
  if (number !== opening) return;
  try {
    const found = await get("style");
    if (number !== opening) return;
    if (found.counting) return recount(number);
    style = found;
    if (!find("view").contains(document.activeElement)) show(null);
  } catch (error) {
    if (number === opening) showEffect("", error.message);
  }
}, AGAIN);
export const leaveStyle = () => {
  opening += 1;
  clearTimeout(timer);
  asking?.abort();
};

const show = (taken) => {
  effect = make("section", { class: "effect", "aria-label": "What the change does" });
  fill(find("view"), make("p", { class: "lead" }, "The rules of ", make("bdi", {}, style.path),
    ". Change a number, a level or a list: the rows that change show at once, and nothing is saved before you have seen the difference."),
  make("div", { class: "styling" }, effect, make("div", { class: "rules-list" }, style.checks.map((check) => ruleCard(check, edits, change)))));
  fill(find("steps"));
  keysOfView([
    key("j", "Next rule", () => step(1)), key("k", "Previous rule", () => step(-1)),
    key("r", "Discard the changes", discard), key("w", "Save the style", save),
  ]);
  if (taken) offer(taken);
  else if (edits.size) attempt();
  showEffect();
};
const step = (by) => {
  const all = [...find("view").querySelectorAll(".rule")];
  const at = all.indexOf(document.activeElement?.closest(".rule"));
  all[Math.min(all.length - 1, Math.max(0, at + by))]?.focus();
};
// A text that was selected in a row: the person says which list it belongs to.
const offer = ({ text, id }) => {
  const lists = style.checks.flatMap((check) => check.lists.map((list) => ({ check, list })));
  if (!lists.length) return say("No rule of this style has a list that a text could be added to.");
  const choose = make("select", { id: "which-list" }, lists.map(({ check, list }, number) =>
    make("option", { value: String(number) }, `${check.id}: ${list.name}`)));
  const field = make("input", { type: "text", id: "which-text", value: text, maxlength: "200", autocomplete: "off" });
  const add = (event) => {
    event.preventDefault();
    const { check, list } = lists[Number(choose.value)];
    box.close();
    change(check.id, `add ${list.name} ${field.value}`, { check: check.id, add: { name: list.name, value: field.value.trim() } });
    show(null);
  };
  const box = dialog("Add a text to the style", make("form", { class: "asks", on: { submit: add } },
    make("p", {}, "Selected in ", make("bdi", {}, id), ". The rule accepts it from then on."),
    make("p", {}, make("label", { for: "which-text" }, "Text "), field), make("p", {}, make("label", { for: "which-list" }, "List "), choose),
    make("p", { class: "act" }, make("button", { type: "submit", class: "first" }, "Add it and see what changes"))));
  // Enter in a list of choices does not send a form by itself.
  choose.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); choose.form.requestSubmit(); } });
  choose.focus();
  return null;
};

// Notes an edit, or takes it back where `edit` is null, and tries all of them a moment later.
const change = (check, what, edit) => {
  if (edit) edits.set(`${check}/${what}`, edit);
  else edits.delete(`${check}/${what}`);
  tried = null;
  clearTimeout(timer);
  if (edits.size) timer = setTimeout(attempt, PAUSE);
  showEffect(edits.size ? "Counting …" : "");
};
const attempt = async (further = false) => {
  asking?.abort();
  asking = new AbortController();
  const start = further ? tried.rows.length : 0;
  try {
    const found = await post("style/try", { edits: [...edits.values()], start, limit: PAGE }, { signal: asking.signal });
    const old = further ? tried.rows : [];
    tried = { ...found, rows: [...old, ...found.rows], whole: start + found.rows.length >= found.changed };
    showEffect();
    // A change that takes long is tried on more rows each time, until no further ones are reached.
    if (!further && found.checked < found.total && found.checked !== reached) timer = setTimeout(attempt, PAUSE);
    reached = found.checked;
  } catch (error) {
    if (error instanceof Refused) showEffect("", error.message);
  }
};
const STATES = { breaks: "breaks a must rule", unscored: "cannot be scored", discouraged: "breaks a should rule", keeps: "keeps every rule" };
const moved = ({ id, split, output, before, after, notes }) =>
  make("li", {}, make("p", { class: "id" }, make("bdi", {}, id), split && ` · ${split}`),
    make("p", { class: "output", dir: "auto" }, marked(output)),
    make("p", { class: "facts-line" }, `${STATES[before] ?? before} → ${STATES[after] ?? after}`),
    notes?.length > 0 && make("ul", { class: "broken" }, notes.map((note) => make("li", {}, note))));
// What the edits change, in sentences.
const effects = ({ breaks_now: breaks, keeps_now: keeps, discouraged_now: more = 0, preferred_now: fewer = 0, checked, total }) => {
  const parts = [
    [breaks, "break a must rule now"], [keeps, "no longer break one"], [more, "break a should rule now"], [fewer, "no longer break one of those"],
  ].filter(([number]) => number).map(([number, words]) => `${rows(number)} ${words}`);
  const sample = total > checked ? ` Tried on ${count(checked)} of ${rows(total)}.` : "";
  return `${parts.length ? parts.join("; ") : "No row changes"}.${sample}`;
};
const showEffect = (waiting = "", problem = "") => {
  const changed = edits.size > 0;
  fill(find("actions"), changed && [button("Save the style …", save, { key: "w", kind: "first", disabled: !tried }), button("Discard the changes", discard, { key: "r" })]);
  const counts = tried && effects(tried);
  if (changed) say(waiting || counts || "");
  return fill(effect, make("h2", {}, "What the change does"), make("p", { class: changed ? "told" : "note" }, changed ? waiting || counts : "Nothing is changed yet."),
    problem && make("p", { class: "wrong", role: "alert" }, problem),
    tried && make("ol", { class: "preview", "aria-label": "Rows that change" }, tried.rows.map(moved)),
    tried && !tried.whole && button(`Show ${Math.min(PAGE, tried.changed - tried.rows.length)} more`, () => attempt(true)));
};
const discard = () => {
  edits = new Map();
  tried = null;
  clearTimeout(timer);
  show(null);
  say("The changes are discarded.");
};
// The difference to the file first; it is written on request alone.
const save = () => {
  if (!tried) return say("There is no change to save.");
  const problem = make("p", { class: "wrong", role: "alert" });
  const { stamp, diff } = tried;
  const write = async () => {
    try {
      const { path } = await post("style/save", { edits: [...edits.values()], stamp });
      box.close();
      edits = new Map();
      tried = null;
      await openStyle();
      say(make("b", {}, "Saved: "), path, ". Curate again to apply it.");
    } catch (error) { fill(problem, `Not saved: ${error.message}`); }
  };
  const first = button("Save", write, { kind: "first" });
  const box = dialog("Save the style", make("div", {}, make("p", {}, "This is written to ", make("bdi", {}, style.path), "; its comments stay."),
    make("pre", { class: "diff", tabindex: "0", role: "region", "aria-label": "Difference" }, diff.split("\n").map(diffLine)),
    problem, make("p", { class: "act end" }, first)), { wide: true });
  first.focus();
  return null;
};
const diffLine = (line) => {
  const kind = /^\+(?!\+\+)/.test(line) ? "added" : /^-(?!--)/.test(line) ? "removed" : "";
  return make("span", { class: kind }, line, "\n");
};
addEventListener("beforeunload", (event) => { if (edits.size) event.preventDefault(); });
