// Curates again from the page, with its progress.
import { post } from "./api.js";
import { button, count, dialog, fill, make, time } from "./dom.js";
import { desk, onState, refresh, say } from "./state.js";

let box = null; // the open dialog's body

export const curateLine = (curate) => {
  if (!curate || curate.state === "idle") return null;
  if (curate.state === "running") return make("p", { class: "note" }, `Curating … ${time(curate.seconds)}`);
  if (curate.state === "failed") return make("p", { class: "note wrong" }, "Curating failed.");
  return make("p", { class: "note" }, "Curated: ", make("bdi", {}, curate.run));
};
const start = async () => {
  try {
    await post("curate", { who: desk.who });
  } catch (error) {
    fill(box.problem, error.message);
    return;
  }
  await refresh();
};
const draw = ({ state }) => {
  if (!box || !state) return;
  const { curate } = state;
  const running = curate.state === "running";
  box.started ||= running;
  fill(box.lines, box.started && curate.lines.map((line) => make("li", {}, line)));
  if (running) fill(box.head, `Curating … ${time(curate.seconds)}. You can close this and decide on.`);
  else if (box.started && curate.state === "done") fill(box.head, `Done in ${time(curate.seconds)}. The queue is that of the new run, `, make("bdi", {}, curate.run), ".");
  else if (box.started && curate.state === "failed") fill(box.head, "Curating failed. The queue is still that of the run before.");
  box.start.disabled = running;
  box.start.hidden = box.started && curate.state === "done";
};
export const askToCurate = () => {
  if (!desk.state) return;
  const { decisions } = desk.state;
  const head = make("p", { role: "status" }, decisions
    ? `Curates the source file again with ${count(decisions)} ${decisions === 1 ? "decision" : "decisions"} and writes a new run. The queue then shows that run.`
    : "Curates the source file again and writes a new run. There is no decision yet.");
  const first = button("Curate again", start, { kind: "first" });
  const lines = make("ol", { class: "progress" });
  const problem = make("p", { class: "wrong", role: "alert" });
  box = { head, lines, problem, start: first, started: desk.state.curate.state === "running" };
  dialog("Curate again", make("div", {}, head, lines, problem, make("p", { class: "act" }, first)), { close: () => { box = null; } });
  first.focus();
  draw(desk);
};
let before = null;
// When it is done, the queue is another one: what was shown of the old run is loaded again.
onState(({ state }) => {
  draw({ state });
  if (!state) return;
  const now = `${state.run} ${state.curate.state}`;
  const done = before !== null && before !== now && state.curate.state === "done";
  if (before?.endsWith(" running") && state.curate.state === "failed") say("Curating failed.");
  before = now;
  if (!done) return;
  say("Curated again: this is the queue of the new run.");
  dispatchEvent(new CustomEvent("newrun"));
});
