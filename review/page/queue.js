// The queue: its kinds with their counts, what the decisions bring, the search, and the list of the rows of a kind.
import { get } from "./api.js";
import { askToCurate, curateLine } from "./curating.js";
import { button, count, fill, find, make, rows, time } from "./dom.js";
import { desk, onState, say } from "./state.js";

const PAGE = 30; // rows of the list that are fetched at a time
const OUTCOMES = {
  kept: "Kept", duplicate: "Duplicates", conflict: "Conflicts", invalid: "Invalid", leaked: "Leaked",
  quarantined: "Quarantined", decided: "Dropped",
};
const SPLITS = { train: "Train", validation: "Validation", test: "Test" };

export const kinds = () => desk.state?.kinds ?? [];
export const kindNamed = (name) => kinds().find(({ kind }) => kind === name);
// Half a character cannot stand in an address; the server knows no row with one.
const encoded = (text) => encodeURIComponent(text.toWellFormed ? text.toWellFormed() : text);
export const address = (kind, key = "") => `#queue/${encoded(kind)}${key && `/${encoded(key)}`}`;
export const shownKind = () => {
  const [view, kind] = location.hash.slice(1).split("/").map(decodeURIComponent);
  return (!view || view === "queue") && kind ? kind : "";
};
// The next kind with rows left: after this one, or from the start.
export const nextKind = (kind) => {
  const all = kinds();
  const at = all.findIndex((one) => one.kind === kind) + 1;
  return [...all.slice(at), ...all.slice(0, at)].find(({ left, kind: name }) => left > 0 && name !== kind);
};

// --- the rail ---------------------------------------------------------------------------------------------------------

const kindLine = ({ kind, title, left, count: all, seconds_left: seconds, exact }) =>
  make("li", {}, make("a", { id: `kind-${kind}`, href: address(kind), "aria-current": kind === shownKind() ? "true" : null },
    make("span", { class: "title" }, title),
    make("span", { class: "left" }, exact === false && "about ", left ? count(left) : "done", left > 0 && make("span", { class: "unseen" }, " left"), left > 0 && seconds ? ` · ${time(seconds)}` : ""),
    make("progress", { max: all, value: all - left, "aria-label": `${title}: decided` })));
const change = (label, before, after) => {
  const by = after - before;
  return make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, count(before)),
    make("td", {}, count(after)), make("td", { class: by ? "by" : "by none" }, by ? `${by > 0 ? "+" : "−"}${count(Math.abs(by))}` : "="));
};
const changes = (labels, before, after, always) =>
  Object.entries(labels).filter(([name]) => name === always || (before[name] ?? 0) !== (after[name] ?? 0))
    .map(([name, label]) => change(label, before[name] ?? 0, after[name] ?? 0));
const brings = ({ counts, decisions }) => {
  if (!counts || counts.state === "off") return make("p", { class: "note" }, counts?.why);
  const { before, after } = counts;
  const waiting = counts.state === "counting" && make("p", { class: "note" }, "Counting …");
  if (!after) return waiting;
  const same = JSON.stringify([before.outcomes, before.splits]) === JSON.stringify([after.outcomes, after.splits]);
  if (same) return [make("p", { class: "note" }, decisions ? "Your decisions change no count." : "What your decisions bring shows here."), waiting];
  return [make("table", { class: "brings" },
    make("thead", {}, make("tr", {}, make("td", {}), make("th", { scope: "col" }, "now"), make("th", { scope: "col" }, "then"), make("th", { scope: "col" }, make("span", { class: "unseen" }, "change")))),
    make("tbody", {}, changes(OUTCOMES, before.outcomes, after.outcomes, "kept"), changes(SPLITS, before.splits, after.splits))), waiting];
};
const rail = (state) => {
  const left = state.kinds.reduce((sum, one) => sum + one.left, 0);
  const open = find("rail").classList.contains("open");
  const toggle = () => { find("rail").classList.toggle("open"); drawn = ""; drawRail(); };
  return [
    make("button", { type: "button", id: "rail-toggle", class: "plain", "aria-expanded": String(open), "aria-controls": "rail-box", on: { click: toggle } },
      `Queue: ${rows(left)} left`),
    make("div", { id: "rail-box" },
      state.notice && make("p", { class: "note" }, state.notice),
      make("nav", { "aria-label": "Queue" }, make("p", { class: "railhead" }, "Queue", make("span", {}, "left · time")), make("ul", { class: "kinds" }, state.kinds.map(kindLine))),
      make("section", { "aria-label": "What your decisions bring" }, make("p", { class: "railhead" }, "If you curate now"), brings(state),
        make("p", { class: "act" }, button("Curate again", askToCurate, { key: "c" })), curateLine(state.curate),
        make("p", { class: "note" }, `${count(state.decisions)} ${state.decisions === 1 ? "decision" : "decisions"} in `, make("bdi", { title: state.overrides }, state.overrides.split(/[\\/]/).slice(-2).join("/"))))),
  ];
};
let drawn = "";
// Redraws the rail if anything in it changed; the focus stays where it is.
export const drawRail = () => {
  const { state } = desk;
  if (!state) return;
  const now = JSON.stringify([state.kinds, state.counts, state.curate, state.decisions, state.notice, shownKind()]);
  if (now === drawn) return;
  drawn = now;
  const focused = find("rail").contains(document.activeElement) && (document.activeElement.id || document.activeElement.textContent);
  fill(find("rail"), rail(state));
  if (focused) [...find("rail").querySelectorAll("a, button")].find((one) => one.id === focused || one.textContent === focused)?.focus();
};
onState(drawRail);
addEventListener("hashchange", () => { find("rail").classList.remove("open"); });

// --- the list and the search --------------------------------------------------------------------------------------------

let listing = { kind: "", search: "", left: false, start: 0, total: 0, asked: 0 };
const finder = () => {
  const field = make("input", { type: "search", id: "search", "aria-label": "Search the rows of this kind", placeholder: "Search", "aria-keyshortcuts": "/" });
  field.addEventListener("input", () => list({ search: field.value.trim() }));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") find("found").querySelector("a")?.click();
    if (event.key === "Escape") { field.value = ""; closeList(); }
    if (event.key === "ArrowDown") { event.preventDefault(); find("found").querySelector("a")?.focus(); }
  });
  return [field, button("List", toggleList, { key: "l", kind: "plain", name: "list" })];
};
export const showFinder = (kind) => {
  if (!find("finder").childElementCount) fill(find("finder"), finder());
  find("finder").hidden = false;
  if (listing.kind !== kind) closeList();
  listing.kind = kind;
};
export const hideFinder = () => {
  find("finder").hidden = true;
  closeList();
};
const closeList = () => {
  listing = { ...listing, search: "", start: 0, total: 0, asked: listing.asked + 1 };
  find("found").hidden = true;
  fill(find("found"));
  if (find("search")) find("search").value = "";
};
export const focusSearch = () => find("search")?.focus();
export const toggleList = () => (find("found").hidden ? list({}) : closeList());

const entry = ({ key, title, decided }) =>
  make("li", {}, make("a", { href: address(listing.kind, key), "aria-current": address(listing.kind, key) === location.hash ? "true" : null }, make("bdi", {}, title)),
    decided && make("span", { class: "tag" }, decided));
// Fetches the rows that are asked for, and shows them below those that are shown if these are further ones.
const list = async (asked, further = false) => {
  listing = { ...listing, start: 0, ...asked, asked: listing.asked + 1 };
  const { kind, search, left, start, asked: number } = listing;
  let found;
  try {
    found = await get("queue", { kind, search, left: left ? 1 : "", start, limit: PAGE });
  } catch (error) {
    say(error.message);
    return;
  }
  if (number !== listing.asked) return;
  listing.total = found.total;
  const end = start + found.entries.length;
  const only = make("input", { type: "checkbox", id: "only-left" });
  only.checked = left;
  only.addEventListener("change", () => list({ left: only.checked }).then(() => find("only-left").focus()));
  const old = further ? [...find("found").querySelectorAll("li")] : [];
  fill(find("found"),
    make("p", { class: "found" }, make("span", { role: "status" }, search ? `${rows(found.total)} with “${search}”` : rows(found.total)),
      make("label", {}, only, " Only what is left"), button("Close", () => { closeList(); find("main").focus(); }, { kind: "plain" })),
    make("ol", { class: "entries", "aria-label": "Rows" }, old, found.entries.map(entry)),
    end < found.total && button(`Show ${Math.min(PAGE, found.total - end)} more`, () => list({ start: end }, true)));
  find("found").hidden = false;
  if (further) find("found").querySelectorAll("li a")[start]?.focus();
};

// --- without a row ----------------------------------------------------------------------------------------------------------

// Leads to the first row that is left: of this kind, or of the first kind that has any.
let awaited = ""; // the address of the kind whose rows are still looked for
onState(() => {
  if (!awaited) return;
  const kind = shownKind();
  if (location.hash !== awaited) awaited = "";
  else if (kinds().every(({ exact }) => exact !== false) || kindNamed(kind)?.left) {
    awaited = "";
    openFirst(kind);
  }
});
export const openFirst = async (kind) => {
  const target = kind ? kindNamed(kind) : nextKind("");
  if (target?.left) {
    try {
      const item = await get("item", { kind: target.kind });
      location.replace(address(target.kind, item.key));
    } catch (error) { nothing("The row cannot be shown", error.message); }
    return;
  }
  // Rows that a rule rejects are still tried for a repair: some may yet be of this kind.
  if (kind && (target ? target.exact === false : kinds().some(({ exact }) => exact === false))) {
    awaited = address(kind);
    nothing("Looking for rows", "Rejected rows are still tried for a repair.");
    return;
  }
  const next = nextKind(kind);
  if (!kind || !target) nothing(kinds().some((one) => one.count) ? "Everything is decided" : "Nothing waits for a decision", state());
  else nothing(`${target.title}: all decided`, `All ${rows(target.count)} of this kind have a decision.`, next, target);
};
const state = () => (desk.state.decisions
  ? "Curate again to apply your decisions; what then waits for a decision shows here."
  : "No row of this run is in conflict, rejected, at a threshold or otherwise in need of a person.");
export const nothing = (title, sentence, next = null, kind = null) => {
  if (kind) showFinder(kind.kind);
  fill(find("heading"), make("h1", { tabindex: "-1" }, title));
  fill(find("view"), make("p", { class: "lead" }, sentence),
    next && make("p", { class: "act" }, button(`Next: ${next.title}, ${count(next.left)} left`, () => { location.hash = address(next.kind); }, { key: "j", kind: "first" })));
  fill(find("actions"));
  fill(find("steps"));
  find("heading").firstChild.focus({ preventScroll: true });
};
