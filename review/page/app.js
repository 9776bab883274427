// Starts the page: which view is shown, the keys that work in each, and what the header says.
import { button, dialog, fill, find, make } from "./dom.js";
import { askToCurate } from "./curating.js";
import { leaveJudging, openJudging } from "./judge.js";
import { help, key, keysEverywhere, keysOfView } from "./keys.js";
import { drawRail, openFirst } from "./queue.js";
import { leaveRow, openRow, undo } from "./row.js";
import { again } from "./saves.js";
import { desk, onState, refresh, remember, say } from "./state.js";
import { leaveStyle, openStyle } from "./style.js";

let open = null; // the view that is shown
// Under the address's #: the view and, in the queue, the kind and the key of the row.
const parts = () => location.hash.slice(1).split("/").map((part) => {
  try { return decodeURIComponent(part); } catch { return part; }
});
const VIEWS = {
  queue: { title: "Queue", skip: "Skip to the row", open: (kind, row) => (row ? openRow(kind, row) : openFirst(kind)), leave: leaveRow },
  style: { title: "Style", skip: "Skip to the rules", open: openStyle, leave: leaveStyle },
  judge: { title: "Judging", skip: "Skip to the outputs", open: openJudging, leave: leaveJudging },
};
const route = () => {
  const [named, ...rest] = parts();
  const name = VIEWS[named] ? named : "queue";
  const view = VIEWS[name];
  if (open !== view) {
    if (open) {
      open.leave();
      say("");
    }
    keysOfView([]);
    [find("actions"), find("steps")].forEach((group) => fill(group));
    open = view;
  }
  Object.keys(VIEWS).forEach((one) => {
    if (one === name) find(`to-${one}`).setAttribute("aria-current", "page");
    else find(`to-${one}`).removeAttribute("aria-current");
  });
  document.body.dataset.view = name;
  find("skip").textContent = view.skip;
  drawRail();
  view.open(...rest);
};
const go = (name) => () => { location.hash = `#${name}`; };

// The name that each decision carries.
const askName = () => {
  const field = make("input", { type: "text", id: "name", maxlength: "80", autocomplete: "name", value: desk.who });
  const save = (event) => {
    event.preventDefault();
    const name = field.value.trim();
    if (!name) return field.focus();
    desk.who = name;
    remember("who", name);
    box.close();
    return refresh();
  };
  const box = dialog("Your name", make("form", { class: "asks", on: { submit: save } },
    make("p", {}, "Each decision carries the name of who made it, so that several people can work on one project."),
    make("p", {}, make("label", { for: "name" }, "Name "), field),
    make("p", { class: "act" }, make("button", { type: "submit", class: "first" }, "Use this name"))));
  field.select();
};
onState(({ state, who }) => {
  if (!state) return;
  fill(find("about"), state.project || state.run);
  find("about").title = state.run;
  find("who").hidden = false;
  fill(find("who"), make("span", { class: "unseen" }, "Your name: "), who || "no name");
  find("to-style").hidden = !state.style;
  find("to-judge").hidden = false;
});
find("who").addEventListener("click", askName);
find("help").addEventListener("click", help);
find("skip").addEventListener("click", (event) => { event.preventDefault(); find("main").focus(); });
keysEverywhere([
  key("u", "Undo your last decision", undo),
  key("c", "Curate again", askToCurate),
  key("g q", "Go to the queue", go("queue")),
  key("g s", "Go to the style", go("style")),
  key("g j", "Go to judging", go("judge")),
  key("?", "Show all keys", help),
]);
addEventListener("hashchange", route);
await refresh();
if (desk.state) {
  // What was kept is saved before the first row that is left is looked for.
  if (await again()) await refresh();
  route();
} else {
  const retry = async () => { await refresh(); if (desk.state) route(); };
  fill(find("view"), make("h1", {}, "The run cannot be opened"), make("p", { class: "lead" }, desk.refusal.message),
    make("p", { class: "act" }, button("Try again", retry, { kind: "first" })));
}
