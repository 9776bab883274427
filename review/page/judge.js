// Judging blind: two outputs without names, one key each; saved at once, counted only after ten.
import { Refused, get, post } from "./api.js";
import { button, fill, find, make, share } from "./dom.js";
import { key, keysOfView } from "./keys.js";
import { request } from "./sides.js";
import { desk, refresh, remember, remembered, say } from "./state.js";

const ENOUGH = 10; // choices before the count is shown, since it would bias the next ones
const MARKS = [
  ["4", "left_acceptable", true, "Yes"], ["5", "left_acceptable", false, "No"],
  ["6", "right_acceptable", true, "Yes"], ["7", "right_acceptable", false, "No"],
];
const CHOICES = [["1", "left", "Left is better"], ["2", "right", "Right is better"], ["3", "equal", "Equal"]];
let answer = null; // the last answer of the server
let current = null; // the request on the page, with the choice and the marks made about it
let trail = []; // requests judged or skipped on this page, for the way back
let skipped = [];
let since = 0;
let busy = false;
let open = false;

const plainText = (text) => [[text, ""]];
const ask = async () => {
  try {
    take(await get("judging", { who: desk.who, skip: skipped.join("\n") }));
  } catch (error) {
    if (!open) return;
    fill(find("view"), make("p", { class: "lead" }, error.message),
      make("p", { class: "note" }, "Outputs can be judged once a run is evaluated: tuneworth evaluate, or tuneworth run."));
  }
};
const take = (found) => {
  answer = found;
  current = found.request && { ...found.request, choice: null, marks: {} };
  draw();
};
export const openJudging = () => {
  open = true;
  document.title = "Judging – Tuneworth review";
  fill(find("heading"), make("h1", { tabindex: "-1" }, "Which output is better?"));
  find("heading").firstChild.focus({ preventScroll: true });
  fill(find("view"));
  keysOfView([]);
  if (remembered("judges")) ask();
  else askWho();
};
export const leaveJudging = () => { open = false; };

// Once: whose judgements these are.
const askWho = () => {
  const field = make("input", { type: "text", id: "judge", maxlength: "80", autocomplete: "name", value: desk.who });
  const start = (event) => {
    event.preventDefault();
    if (!field.value.trim()) return field.focus();
    desk.who = field.value.trim();
    remember("who", desk.who);
    remember("judges", "yes");
    refresh();
    return ask();
  };
  fill(find("view"), make("form", { class: "asks", on: { submit: start } },
    make("p", { class: "lead" }, "You see two outputs for one request, without the names of what wrote them. Several people can judge; each has a name of their own."),
    make("p", {}, make("label", { for: "judge" }, "Your name "), field),
    make("p", { class: "act" }, make("button", { type: "submit", class: "first" }, "Start judging"))));
  field.focus();
};

const half = (name, text) => {
  const [yes, no] = MARKS.filter(([, mark]) => mark === `${name.toLowerCase()}_acceptable`);
  const pressed = ([number, mark, value, words]) =>
    button(words, () => setMark(mark, value), { key: number, pressed: String(current.marks[mark] === value), describes: `${name}: acceptable as it is? ${words}` });
  return make("section", { class: "side", "aria-label": name }, make("header", {}, make("h2", {}, name)),
    text ? make("div", { class: "output", dir: "auto" }, text) : make("p", { class: "output empty" }, "Empty"),
    make("p", { class: "mark-line" }, "Acceptable as it is? ", pressed(yes), pressed(no)));
};
const tally = () => {
  const { tally: found, judged } = answer;
  const words = found ? tallyWords(found) : `The count shows after ${ENOUGH} choices, since it would bias the next ones; you have made ${judged}.`;
  return make("p", { class: "lead tally" }, words);
};
const tallyWords = ({ candidate, baseline, equal, share: part, low, high, names }) => {
  const counts = `${names.candidate} preferred ${candidate}, ${names.baseline} ${baseline}, equal ${equal}.`;
  const range = `Of the ${candidate + baseline} with a preference, ${share(part)} went to ${names.candidate} (range ${share(low)} to ${share(high)}).`;
  return part === null || part === undefined ? counts : `${counts} ${range}`;
};
const draw = () => {
  if (!open) return;
  const progress = make("small", {}, `${answer.judged} of ${answer.requests} judged`);
  fill(find("heading"), make("h1", { tabindex: "-1" }, current ? "Which output is better? " : "Judging ", progress));
  since = performance.now();
  if (!current) return done();
  fill(find("view"), tally(), make("div", { class: "pair" }, half("Left", current.left), half("Right", current.right)),
    make("div", { class: "pair requests" }, make("section", { class: "side", "aria-label": "Request" }, make("h3", {}, "Request"), request(plainText(current.input)))));
  fill(find("actions"), CHOICES.map(([number, name, words]) =>
    button(words, () => choose(name), { key: number, name, pressed: current.choice ? String(current.choice === name) : null })));
  find("actions").dataset.count = CHOICES.length;
  fill(find("steps"), button("Back", back, { key: "b", kind: "plain", disabled: !trail.length }), button("Skip", skip, { key: "s", kind: "plain" }));
  keysOfView([
    ...CHOICES.map(([number, name, words]) => key(number, words, () => choose(name))),
    key("ArrowLeft", "Left is better", () => choose("left"), { silent: true }), key("ArrowRight", "Right is better", () => choose("right"), { silent: true }),
    ...MARKS.map(([number, mark, value, words]) => key(number, `${mark.startsWith("left") ? "Left" : "Right"}: acceptable as it is? ${words}`, () => setMark(mark, value))),
    key("s", "Skip", skip), key("b", "Back to the request before", back),
  ]);
  find("heading").firstChild.focus({ preventScroll: true });
  return null;
};
const done = () => {
  const reset = () => { skipped = []; ask(); };
  fill(find("view"), make("p", { class: "lead" }, answer.requests
    ? skipped.length ? `You have seen every request and skipped ${skipped.length}.` : "You have judged every request. The report takes your judgements into account: tuneworth report RUN."
    : "No request has two outputs that differ."), skipped.length > 0 && make("p", { class: "act" }, button("Show the skipped ones", reset, { key: "s", kind: "first" })), tally());
  fill(find("actions"));
  fill(find("steps"), button("Back", back, { key: "b", kind: "plain", disabled: !trail.length }));
  keysOfView([key("b", "Back to the request before", back), ...(skipped.length ? [key("s", "Show the skipped ones", reset)] : [])]);
};
const setMark = (mark, value) => {
  if (current.marks[mark] === value) delete current.marks[mark];
  else current.marks[mark] = value;
  const shownSince = since;
  draw();
  since = shownSince;
  say("");
};
const choose = async (choice) => {
  if (busy || !current) return;
  busy = true;
  say("Saving …");
  const judged = { ...current, choice };
  try {
    const seconds = Math.round((performance.now() - since) / 100) / 10;
    const found = await post("judging", { who: desk.who, id: current.id, choice, seconds, ...current.marks });
    skipped = skipped.filter((id) => id !== judged.id);
    trail.push(judged);
    if (!open) return;
    take(found);
    say(make("b", {}, "Saved: "), CHOICES.find(([, name]) => name === choice)[2], ".");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(make("b", {}, "Not saved: "), error.message, " Press the key again to try again.");
  } finally { busy = false; }
};
const skip = () => {
  skipped.push(current.id);
  trail.push(current);
  ask();
};
const back = () => {
  const before = trail.pop();
  if (!before) return;
  current = before;
  draw();
  say(before.choice ? `You chose: ${CHOICES.find(([, name]) => name === before.choice)[2]}. A new choice replaces it.` : "");
};
