// One row: shows it, decides about it by key or button, edits it in place, undoes, and moves on.
import { Refused, get, post } from "./api.js";
import { openBulk } from "./bulk.js";
import { button, count, fill, find, make, rows } from "./dom.js";
import { closeEditor, draftOf, editor, startEditor } from "./editor.js";
import { key, keysOfView } from "./keys.js";
import { address, focusSearch, hideFinder, kindNamed, kinds, nextKind, nothing, showFinder, shownKind, toggleList } from "./queue.js";
import { decide, onSavedLate, unsavedFor } from "./saves.js";
import { decisionWords, drawItem } from "./sides.js";
import { desk, onState, refresh, say } from "./state.js";
import { selectedText, takeToStyle } from "./selection.js";

let item = null;
let place = null; // where the item is drawn, below what is said about it
let opening = 0;
let busy = false;
let version = 0; // of the state when the item was last fetched
let watch = { since: 0, spent: 0 }; // how long the item is looked at, in milliseconds
const ahead = new Map(); // items fetched before they are shown
const trail = []; // the addresses of the rows that were shown, for the way back

const name = (kind, row) => `${kind}\n${row}`;
const fetchItem = async (kind, row) => {
  const found = await get("item", { kind, key: row });
  if (ahead.size > 50) ahead.clear();
  ahead.set(name(kind, row), found);
  return found;
};
const seconds = () => Math.round((watch.spent + (document.hidden ? 0 : performance.now() - watch.since)) / 100) / 10;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) watch.spent += performance.now() - watch.since;
  else watch.since = performance.now();
});

// Shows the row, at once where it was fetched ahead; then as the server has it now.
export const openRow = async (kind, row) => {
  const number = (opening += 1);
  const known = ahead.get(name(kind, row));
  if (known) show(known);
  version = desk.state.version;
  try {
    const found = await fetchItem(kind, row);
    if (number !== opening) return;
    if (!known || (!busy && JSON.stringify(found) !== JSON.stringify(known))) show(found);
    if (found.next) fetchItem(kind, found.next).catch(() => {}); // said by the next request of the person
  } catch (error) {
    if (number !== opening || !(error instanceof Refused)) return;
    if (error.status === 404) nothing("This row does not wait for a decision", error.message, nextKind(""));
    else if (!known) nothing("The row cannot be shown", error.message);
  }
};
// Goes to a row without a step in the browser's history: the way back is `k`.
const move = (kind, row, { back = false } = {}) => {
  if (!back && item) trail.push([item.kind, item.key]);
  history.replaceState(null, "", address(kind, row));
  openRow(kind, row);
};
export const leaveRow = () => {
  opening += 1;
  item = null;
  hideFinder();
  closeEditor();
};

// --- what is shown -------------------------------------------------------------------------------------------------------

const title = ({ kind, number, of }) => {
  const words = kindNamed(kind)?.title ?? kind;
  document.title = `${words} ${number} of ${of} – Tuneworth review`;
  return make("h1", { tabindex: "-1" }, words, " ", make("small", {}, `${count(number)} of ${count(of)}`));
};
const show = (found, banner = "") => {
  const other = !item || item.key !== found.key || item.kind !== found.kind;
  item = found;
  if (other) {
    watch = { since: performance.now(), spent: 0 };
    closeEditor();
    fill(find("heading"), title(item));
  }
  showFinder(item.kind);
  place = make("div", { class: "item", "data-key": item.key });
  const why = find("why")?.value && !other ? find("why").value : "";
  fill(find("view"), reasons(), banner && make("p", { class: "alert", role: "status" }, banner), waiting(),
    place, make("p", { class: "why" }, make("label", { for: "why" }, "Why (if you like) "),
      make("input", { type: "text", id: "why", maxlength: "500", autocomplete: "off", value: why })));
  draw();
  if (other && draftOf(item) !== null) startEdit();
  if (!other) return;
  find("heading").firstChild.focus({ preventScroll: true });
  scrollTo(0, 0);
};
// Why rows of this kind wait, and why this one does, unless a broken rule below says the same.
const reasons = () => {
  const general = kindNamed(item.kind)?.reason ?? "";
  const known = [general, ...item.sides.flatMap(({ notes }) => notes)];
  return [make("p", { class: "lead" }, general), !known.includes(item.reason) && make("p", { class: "reason" }, item.reason)];
};
const waiting = () => {
  const unsaved = unsavedFor(item.kind, item.key);
  return unsaved && make("p", { class: "alert" }, `“${unsaved.label}” is not saved yet.`);
};
const draw = () => {
  drawItem(place, item, editor());
  drawBar();
};
const drawBar = () => {
  const actions = editor()
    ? [button("Save the edited output", saveEdit, { key: "Control+Enter", kind: "first" }), button("Leave without saving", leaveEdit, { key: "Esc" })]
    : item.actions.map(({ action, key: name, label }) => button(label, () => act(action), { key: name, name: action }));
  fill(find("actions"), actions);
  find("actions").dataset.count = actions.length;
  drawSteps();
  keysOfView(keys());
};
// Redrawn only where something changed, as a new button has no focus.
let steps = "";
const drawSteps = () => {
  const selected = selectedText();
  const first = !trail.length && !item.previous;
  const now = JSON.stringify([item.kind, item.key, first, Boolean(desk.state.undo), item.likes.length > 0, selected]);
  if (now === steps && find("steps").childElementCount) return;
  steps = now;
  const focused = find("steps").contains(document.activeElement) && document.activeElement.textContent;
  fill(find("steps"), button("Previous", back, { key: "k", kind: "plain", disabled: first }),
    button("Next", next, { key: "j", kind: "plain" }), button("Undo", undo, { key: "u", kind: "plain", disabled: !desk.state.undo }),
    item.likes.length > 0 && button("All like this", bulk, { key: "b", kind: "plain" }),
    selected && button(`Add “${shortened(selected)}” to the style`, toStyle, { key: "s", kind: "plain" }));
  if (focused) [...find("steps").children].find(({ textContent }) => textContent === focused)?.focus();
};
const shortened = (text) => (text.length > 24 ? `${text.slice(0, 23)}…` : text);
const keys = () => [
  ...item.actions.map(({ action, key: name, label }) => key(name, label, () => act(action), { off: () => editor() && action !== "edit" })),
  key("Escape", "Leave without saving", leaveEdit, { off: () => !editor(), silent: true }),
  key("j", "Next row", next), key("k", "Previous row", back),
  key("J", "Next kind", () => otherKind(1)), key("K", "Previous kind", () => otherKind(-1)),
  key("b", "Decide about all like this", bulk), key("/", "Search", focusSearch), key("l", "List the rows", toggleList),
  key("y", "Say why", () => find("why").focus()), key("s", "Add the selected text to the style", toStyle),
];

// --- what is done --------------------------------------------------------------------------------------------------------

const act = (action) => (action === "edit" ? startEdit() : choose(action));
const isShown = (made) => item !== null && item.kind === made.kind && item.key === made.key;
const labelOf = (action) => item.actions.find((one) => one.action === action).label;
const choose = async (action, text) => {
  if (busy) return;
  busy = true;
  const made = item;
  const label = labelOf(action);
  const body = { who: desk.who, kind: made.kind, key: made.key, action, text, why: find("why").value.trim(), seen: made.seen, seconds: seconds() };
  say("Saving …");
  try {
    const answer = await decide(body, label);
    settled(made, label, answer.next);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refused(made, error);
  } finally {
    busy = false;
  }
  refresh();
};
const settled = (made, label, following) => {
  closeEditor(made);
  ahead.delete(name(made.kind, made.key));
  say(make("b", {}, "Saved: "), label, ".");
  if (!isShown(made)) return;
  find("why").value = "";
  if (following) move(made.kind, following);
  else finished(made);
};
const refused = (made, error) => {
  say(error.passing ? "Not saved." : error.message);
  if (!isShown(made)) return;
  if (error.status === 409 && error.item) show(error.item, elsewhere(error.item, "Your decision was not saved; decide again to replace that one."));
  else if (error.passing) show(made);
};
const elsewhere = (found, end) => {
  const made = found.sides.map(({ decision }) => decision).find(Boolean);
  const who = made && (made.who === desk.who ? "by you in another tab" : `by ${made.who || "somebody"}`);
  return made ? `Decided elsewhere ${who}: ${decisionWords(made)}. ${end}` : `The decision was taken back elsewhere. ${end}`;
};
const finished = ({ kind }) => {
  trail.push([item.kind, item.key]);
  item = null;
  const following = nextKind(kind);
  keysOfView([key("j", "Next kind", () => { if (following) location.hash = address(following.kind); }), key("k", "Previous row", back)]);
  history.replaceState(null, "", address(kind));
  const words = kindNamed(kind)?.title ?? kind;
  nothing(`${words}: all decided`, following ? "Every row of this kind has a decision." : "Nothing is left in the queue. Curate again to apply your decisions.", following, kindNamed(kind));
};
const next = () => {
  if (item.next) move(item.kind, item.next);
  else say("This is the last row that is left here.");
};
const back = () => {
  const [kind, row] = trail.pop() ?? [item?.kind, item?.previous];
  if (row) move(kind, row, { back: true });
  else say("There is no row before this one.");
};
const otherKind = (by) => {
  const all = kinds().filter(({ left }) => left > 0);
  const at = all.findIndex(({ kind }) => kind === item.kind);
  const found = all[(at + by + all.length) % all.length];
  if (found) location.hash = address(found.kind);
};
const bulk = () => {
  if (item.likes.length) openBulk(item, (label) => { say(make("b", {}, "Saved: "), label); ahead.clear(); afterBulk(); });
  else say("No other row is like this one.");
};
const afterBulk = async () => {
  await refresh();
  const { kind } = item;
  ahead.clear();
  try {
    move(kind, (await get("item", { kind })).key);
  } catch { finished({ kind }); }
};
export const undo = async () => {
  await refresh();
  const { undo: last } = desk.state;
  if (!last) return say("There is no decision of yours to undo.");
  try {
    const { taken_back: ids, kind, key: row } = await post("undo", { who: desk.who, stamp: last.stamp });
    ahead.clear();
    say(make("b", {}, "Taken back: "), ids.length === 1 ? "your decision." : `your decisions about ${rows(ids.length)}.`);
    await refresh();
    if (!kind || !row) return null;
    if (shownKind() || item) move(kind, row, { back: true });
    else location.hash = address(kind, row);
  } catch (error) { say(error.message); }
  return null;
};
const toStyle = () => {
  if (!takeToStyle(item)) say("Select a part of a text first, then press s.");
};

// --- editing -------------------------------------------------------------------------------------------------------------

const startEdit = () => {
  startEditor(item, { save: saveEdit, leave: leaveEdit });
  draw();
  editor().focusText();
};
const saveEdit = () => choose("edit", editor().text());
const leaveEdit = () => {
  closeEditor();
  draw();
  find("heading").firstChild.focus({ preventScroll: true });
};

// --- what others do ------------------------------------------------------------------------------------------------------

onSavedLate((one, answer) => {
  say(make("b", {}, "Saved: "), one.label, ".");
  closeEditor({ kind: one.body.kind, key: one.body.key });
  if (item && item.kind === one.body.kind && item.key === one.body.key) {
    const following = answer.next ?? item.next;
    if (following) move(item.kind, following);
    else openRow(item.kind, item.key);
  }
  refresh();
});
const decisions = (found) => JSON.stringify(found.sides.map(({ decision }) => decision));
// After a change of the log, the row is fetched again; what others decided about it is said.
onState(async ({ state }) => {
  if (!item || !state) return;
  drawSteps();
  if (state.version === version || busy) return;
  version = state.version;
  const before = item;
  try {
    const found = await fetchItem(before.kind, before.key);
    if (item !== before || busy || JSON.stringify(found) === JSON.stringify(before)) return;
    show(found, decisions(found) === decisions(before) ? "" : elsewhere(found, ""));
  } catch { /* said by the next request of the person */ }
});
document.addEventListener("selectionchange", () => { if (item && find("steps").childElementCount) drawSteps(); });
addEventListener("newrun", () => {
  ahead.clear();
  trail.length = 0;
  if (item) { const { kind } = item; item = null; location.hash = kindNamed(kind)?.left ? address(kind) : "#queue"; }
});
