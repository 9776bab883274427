// One item as it is read: its sides with their marks, the request, the broken rules in words, what was decided before.
import { fill, make, marked, plain } from "./dom.js";
import { desk } from "./state.js";

const LONG = 1200; // characters from which a text scrolls in its own box
const DECIDED = { keep: "kept", drop: "dropped", train: "moved to train", validation: "moved to validation", test: "moved to test" };

// A text with its marks, in a box that scrolls by keyboard where it is long.
export const output = (spans, label) => {
  const text = plain(spans);
  const long = text.length > LONG ? { tabindex: "0", role: "region", "aria-label": label, class: "output long" } : { class: "output" };
  if (!text.trim()) return make("p", { class: "output empty" }, text ? "Only spaces" : "Empty");
  return make("div", { ...long, dir: "auto" }, marked(spans));
};
const lines = (spans) => {
  const all = [[]];
  spans.forEach(([text, mark]) => text.split("\n").forEach((part, number) => {
    if (number) all.push([]);
    if (part) all[all.length - 1].push([part, mark]);
  }));
  return all;
};
const LABEL = /^([^:\n]{1,40}): ?/;
// A request; one that consists of named lines is shown as a list of them.
export const request = (spans) => {
  const all = lines(spans);
  const named = all.length > 1 && all.every(([head]) => head && !head[1] && LABEL.test(head[0]));
  if (!named) return output(spans, "Request");
  return make("dl", { class: "asked" }, all.map(([[head, mark], ...rest]) => {
    const [whole, name] = LABEL.exec(head);
    return make("div", {}, make("dt", {}, name), make("dd", { dir: "auto" }, marked([[head.slice(whole.length), mark], ...rest])));
  }));
};
const valueText = (value) => (typeof value === "string" ? value : JSON.stringify(value));
const table = (values) =>
  make("dl", { class: "asked" }, Object.entries(values).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", { dir: "auto" }, valueText(value)))));
const more = (side, shownAsList) => {
  const fields = shownAsList ? null : side.fields;
  return [["Fields", fields], ["Other columns", side.meta]].filter(([, values]) => values && Object.keys(values).length)
    .map(([title, values]) => make("details", {}, make("summary", {}, title), table(values)));
};
// Who decided what about this row, in words.
export const decisionWords = ({ decision, who, text, why }) => {
  const words = `${DECIDED[decision] || decision} by ${who === desk.who ? "you" : who || "somebody"}`;
  return `${words}${text === null || text === undefined ? "" : ", with another text"}${why ? `: ${why}` : ""}`;
};
const facts = ({ id, row, split, outcome, group }) =>
  [row !== null && row !== undefined && `row ${row}`, outcome && outcome !== "kept" && outcome, split, group && group !== id && `group ${group}`].filter(Boolean);
const head = (side) =>
  make("header", {}, make("h2", {}, side.name), make("p", { class: "id" }, make("bdi", {}, side.id)),
    make("p", { class: "facts-line" }, facts(side).map((fact) => make("span", {}, fact))),
    side.decision && make("p", { class: "decided" }, "Decided: ", decisionWords(side.decision)));
const notes = (side) =>
  side.notes.length > 0 && make("ul", { class: "broken", "aria-label": "Rules that it breaks" }, side.notes.map((note) => make("li", {}, note)));
const column = (name, ...body) => make("section", { class: "side", "aria-label": name }, ...body);
const sideColumn = (side, editor) =>
  column(side.name, head(side), editor || output(side.output, `Output: ${side.name}`), notes(side));
const repaired = ({ after, rules }) =>
  column("repaired", make("header", {}, make("h2", {}, "repaired"), make("p", { class: "facts-line" }, make("span", {}, [rules].flat().join(", ")))),
    output(after, "Output: repaired"));
const asList = (spans) => request(spans).matches(".asked");
const requests = (sides) => {
  const texts = new Set(sides.map((side) => plain(side.input)));
  const each = texts.size === 1 ? sides.slice(0, 1) : sides;
  return make("div", { class: "pair requests" }, each.map((side) =>
    column(`Request: ${side.name}`, make("h3", {}, each.length > 1 ? `Request, ${side.name}` : "Request"), request(side.input), more(side, asList(side.input)))));
};
const legend = (item) => {
  const marks = new Set([...item.sides.flatMap((side) => [...side.input, ...side.output]), ...(item.repair?.after ?? [])].map(([, mark]) => mark));
  return (marks.has("differs") || marks.has("broken")) && make("p", { class: "legend" },
    marks.has("differs") && make("span", {}, make("ins", {}, "underlined twice"), " differs"),
    marks.has("broken") && make("span", {}, make("mark", {}, "highlighted"), " breaks a rule"));
};
// The whole item; `editor` takes the place of the output that is decided about.
export const drawItem = (place, item, editor) => {
  const alone = item.sides.length === 1 && !item.repair;
  const outputs = [...item.sides.map((side, number) => sideColumn(side, number === 0 ? editor : null)), item.repair && repaired(item.repair)];
  if (alone) return fill(place, make("div", { class: "pair alone" }, outputs, requests(item.sides)), legend(item));
  return fill(place, make("div", { class: "pair" }, outputs), requests(item.sides), legend(item));
};
