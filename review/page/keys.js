// The keyboard: each view says its keys once, for the handler and for the help.
import { dialog, dialogOpen, make } from "./dom.js";
import { remember, remembered } from "./state.js";

let everywhere = [];
let ofView = [];
let first = ""; // the first key of a pair such as `g s`
let on = remembered("keys") !== "off";

// A key: its name or a pair of names, its words, what it does. `silent` ones are in no help, as their twin is.
export const key = (names, label, run, more = {}) => ({ names: [names].flat(), label, run, ...more });
export const keysEverywhere = (keys) => { everywhere = keys; };
export const keysOfView = (keys) => { ofView = keys; };

const typing = (target) => Boolean(target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select"));
const pressed = (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || dialogOpen()) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (!on && event.key !== "?") return;
  const name = first + event.key;
  first = "";
  const all = [...ofView, ...everywhere];
  const found = all.find(({ names, off }) => names.includes(name) && !off?.());
  if (found) {
    event.preventDefault();
    if (!event.repeat || found.repeats) found.run();
  } else if (all.some(({ names }) => names.some((one) => one.startsWith(`${event.key} `)))) {
    first = `${event.key} `;
  }
};
addEventListener("keydown", pressed);

const listed = (title, keys) =>
  keys.length > 0 && make("section", {}, make("h3", {}, title), make("dl", { class: "shortcuts" },
    keys.map(({ names, label }) => make("div", {}, make("dt", {}, names.map((name) =>
      make("span", {}, name.split(" ").map((one) => make("kbd", {}, one))))), make("dd", {}, label)))));
// The dialog with every key of this view and of all views.
export const help = () => {
  const box = make("input", { type: "checkbox", id: "keys-on" });
  box.checked = on;
  box.addEventListener("change", () => { on = box.checked; remember("keys", on ? "on" : "off"); });
  const there = (keys) => keys.filter(({ silent }) => !silent);
  dialog("Keys", make("div", { class: "help" },
    listed("Here", there(ofView)),
    listed("While you write", [key("Ctrl+Enter", "Save the edited output"), key("Esc", "Leave without saving; the draft is kept")]),
    listed("Everywhere", there(everywhere)),
    make("p", { class: "note" }, make("label", {}, box, " Single keys are on. Switch them off if they get in the way of a screen reader or of dictation.")),
  ), { wide: true });
};
