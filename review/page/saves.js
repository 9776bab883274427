// Saves decisions. One that could not be saved stays in sight, and in this browser, until it is saved or discarded.
import { Refused, post } from "./api.js";
import { button, fill, find, make } from "./dom.js";
import { desk, onState, refresh } from "./state.js";

// What each action decides about the sides of a row, in order; where it depends on the row, nothing is listed.
const DECIDES = {
  left: ["keep", "drop"], right: ["drop", "keep"], both: ["keep", "keep"], neither: ["drop", "drop"], drop: ["drop"],
  keep: ["keep"], edit: ["keep"], accept: ["keep"], use: ["keep"], wrong: ["keep"],
};
let unsaved = [];
let store = ""; // where they are kept: another tab, and the page after a reload, reads them there
let trying = null; // the promise of an attempt that is under way
const savedLate = [];

export const onSavedLate = (listener) => savedLate.push(listener);
export const unsavedFor = (kind, key) => unsaved.find(({ body }) => body.kind === kind && body.key === key);

const keep = () => {
  try { localStorage.setItem(store, JSON.stringify(unsaved)); } catch { /* kept in the page alone */ }
  draw();
};
const restore = () => {
  try { unsaved = JSON.parse(localStorage.getItem(store)) || []; } catch { /* nothing was kept */ }
};
addEventListener("storage", ({ key }) => { if (store && key === store) { restore(); draw(); } });
// Whether the row was decided by this very request, whose answer was lost on the way.
const arrived = ({ body, since }, item) => {
  const decided = DECIDES[body.action];
  return Boolean(item && decided) && decided.every((decision, number) => {
    const made = item.sides[number]?.decision;
    return made && made.decision === decision && made.who === body.who && Date.parse(made.when) >= since - 1000
      && (body.action !== "edit" || made.text === body.text);
  });
};
const attempt = async (one) => {
  try {
    return await post("decide", one.body);
  } catch (error) {
    if (error instanceof Refused && error.status === 409 && one.tries && arrived(one, error.item)) {
      return { saved: [], next: null, late: true };
    }
    throw error;
  }
};

// Saves a decision. Where that may succeed later, it is kept and tried again; the error is thrown all the same.
export const decide = async (body, label) => {
  unsaved = unsaved.filter((one) => one.body.kind !== body.kind || one.body.key !== body.key);
  const one = { body, label, since: Date.now(), tries: 0, error: "" };
  try {
    const answer = await attempt(one);
    keep();
    return answer;
  } catch (error) {
    if (error.passing) unsaved.push({ ...one, tries: 1, error: error.message });
    keep();
    throw error;
  }
};
// Tries the kept decisions again, in the order in which they were made; true if there were any.
export const again = () => {
  trying ??= tryAll().finally(() => { trying = null; });
  return trying;
};
const tryAll = async () => {
  restore();
  const waiting = unsaved.filter(({ over }) => !over);
  for (const one of waiting) {
    try {
      const answer = await attempt(one);
      unsaved = unsaved.filter((other) => other !== one);
      savedLate.forEach((listen) => listen(one, answer));
    } catch (error) {
      one.tries += 1;
      one.error = error.status === 409 ? `${error.message} Your decision was not saved.` : error.message;
      one.over = !error.passing;
      if (error.passing) break;
    } finally { keep(); }
  }
  return waiting.length > 0;
};
const discard = (one) => {
  unsaved = unsaved.filter((other) => other !== one);
  keep();
};
// Redrawn only where something changed, as an alert is read aloud each time.
let drawn = "";
const draw = () => {
  const silent = desk.state && !desk.reached && !unsaved.length ? desk.refusal.message : "";
  const now = JSON.stringify([silent, desk.reached, unsaved.map(({ body, error }) => [body.key, body.action, error])]);
  if (now === drawn) return;
  drawn = now;
  fill(find("troubles"),
    silent && make("div", { class: "trouble" }, make("p", {}, make("b", {}, silent), " What you see may be old."),
      make("p", { class: "act" }, button("Try again", refresh))),
    unsaved.length > 0 && !desk.reached && make("p", { class: "note" }, "If it has stopped, start ",
      make("code", {}, `tuneworth review --port ${location.port}`), " and open its address in this browser: what is kept here is saved then."),
    unsaved.map((one) => make("div", { class: "trouble" },
      make("p", {}, make("b", {}, `Not saved: ${one.error}`), ` “${one.label}” for `, make("bdi", {}, one.body.key),
        one.over ? "." : " is kept in this browser and is saved as soon as that works."),
      make("p", { class: "act" },
        make("a", { href: `#queue/${encodeURIComponent(one.body.kind)}/${encodeURIComponent(one.body.key)}` }, "Show the row"),
        !one.over && button("Try again", again), button("Discard", () => discard(one))))));
};

onState(({ state, reached }) => {
  if (state && !store) {
    store = `tuneworth/review/unsaved ${state.overrides}`;
    restore();
  }
  draw();
  if (reached && unsaved.some((one) => !one.over)) again();
});
addEventListener("beforeunload", (event) => { if (unsaved.length) event.preventDefault(); });
