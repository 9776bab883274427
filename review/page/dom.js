// Builds the page. Texts enter it as text alone: no string is ever parsed as HTML.

// Control characters as their visible pictures, which no font leaves out.
export const shown = (text) =>
  String(text ?? "").replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, (one) => String.fromCharCode(0x2400 + one.charCodeAt(0)))
    .replace(/\u007f/g, "\u2421").replace(/[\u2028\u2029\u0085]/g, "\n");

const set = (node, name, value) => {
  if (value === undefined || value === null || value === false) return;
  if (name === "on") Object.entries(value).forEach(([event, run]) => node.addEventListener(event, run));
  else if (name === "class") node.className = value;
  else if (name === "value") node.value = value;
  else node.setAttribute(name, value === true ? "" : String(value));
};
// An element with its attributes (`on` holds its listeners); each child is an element, a text, a list of these, or nothing.
export const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  Object.entries(attributes).forEach(([name, value]) => set(node, name, value));
  node.append(...content(children));
  return node;
};
const content = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== "")
    .map((child) => (child instanceof Node ? child : document.createTextNode(shown(child))));
// Replaces what is in an element.
export const fill = (node, ...children) => {
  node.replaceChildren(...content(children));
  return node;
};
export const find = (id) => document.getElementById(id);

// Marked text: differences are `ins`, broken places `mark`, both told apart without colour and by a screen reader.
const MARKS = { differs: ["ins", "differs: "], broken: ["mark", "breaks a rule: "] };
export const marked = (spans) =>
  spans.map(([text, mark]) => {
    if (!MARKS[mark]) return text;
    const [tag, words] = MARKS[mark];
    return make(tag, {}, make("span", { class: "unseen" }, words), text);
  });
export const plain = (spans) => spans.map(([text]) => text).join("");

// A button with its key behind its words; `key` is also announced as its shortcut.
export const button = (label, run, { key = "", name = "", kind = "", pressed, disabled, describes } = {}) =>
  make("button", {
    type: "button", class: kind, value: name, disabled, "aria-keyshortcuts": key || null, "aria-pressed": pressed,
    "aria-label": describes, on: { click: run },
  }, make("span", {}, label), key && make("kbd", { "aria-hidden": "true" }, key === "Control+Enter" ? "Ctrl ⏎" : key));

// A modal dialog with a title; `close` is called however it ends.
export const dialog = (title, body, { wide = false, close = () => {} } = {}) => {
  const heading = make("h2", { id: "dialog-title", tabindex: "-1" }, title);
  const end = () => box.close();
  const box = make("dialog", { class: wide ? "wide" : "", "aria-labelledby": "dialog-title" },
    make("header", {}, heading, button("Close", end, { key: "Esc", kind: "plain" })), body);
  box.addEventListener("close", () => { box.remove(); close(); });
  document.body.append(box);
  box.showModal();
  heading.focus();
  return box;
};
export const dialogOpen = () => document.querySelector("dialog[open]") !== null;

const WHOLE = new Intl.NumberFormat("en-US");
export const count = (number) => WHOLE.format(number);
export const rows = (number) => (number === 1 ? "1 row" : `${count(number)} rows`);
export const share = (value) => {
  const percent = value * 100;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1).replace(/\.0$/, "") : Math.round(percent)}%`;
};
// How long something takes, as a person says it.
export const time = (seconds) => {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
};
