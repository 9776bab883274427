// One rule of the style as it is read and changed: its sentence, its counts, its level, its numbers and its lists.
import { button, make, rows, share } from "./dom.js";

const FEW = 12; // values of a list that show without opening it

const broken = ({ fail, share: part }) =>
  (fail === null || fail === undefined ? "not counted" : `${rows(fail)} ${fail === 1 ? "breaks" : "break"} it${fail ? ` (${share(part)})` : ""}`);
const accepts = ({ own, shuffled, fields_only: alone }) =>
  make("p", { class: "facts-line" }, `Accepts ${share(own)} of the outputs, ${share(shuffled)} of outputs of other requests, ${share(alone)} of inputs alone`);
const edited = (edits, check, what) => edits.get(`${check.id}/${what}`);

const level = (check, edits, change) => {
  const id = `level-${check.id}`;
  const now = edited(edits, check, "level")?.level ?? check.level;
  const field = make("select", { id }, ["must", "should"].map((name) => make("option", { value: name, selected: name === now }, name)));
  field.addEventListener("change", () => change(check.id, "level", field.value === check.level ? null : { check: check.id, level: field.value }));
  return make("p", { class: "field-line" }, make("label", { for: id }, "Level"), field);
};
const number = (check, { name, value }, edits, change) => {
  const id = `${check.id}-${name}`;
  const what = `set ${name}`;
  const edit = edited(edits, check, what);
  const now = edit ? edit.set[name] : value;
  const field = make("input", { type: "text", inputmode: "decimal", id, value: String(now ?? ""), autocomplete: "off" });
  field.addEventListener("input", () => {
    const text = field.value.trim();
    const given = text === "" ? null : Number(text); // an empty field removes a bound
    const valid = given === null || Number.isFinite(given);
    field.setAttribute("aria-invalid", String(!valid));
    change(check.id, what, valid && given !== value ? { check: check.id, set: { [name]: given } } : null);
  });
  return make("p", { class: "field-line" }, make("label", { for: id }, name), field);
};
const list = (check, { name, values }, edits, change) => {
  const id = `${check.id}-add-${name}`;
  const field = make("input", { type: "text", id, maxlength: "200", autocomplete: "off" });
  const added = [...edits.values()].filter((edit) => edit.check === check.id && edit.add?.name === name).map((edit) => edit.add.value);
  const chips = make("ul", { class: "chips" });
  const draw = () => chips.replaceChildren(...values.slice(0, FEW).map((value) => make("li", {}, make("bdi", {}, value))),
    ...(values.length > FEW ? [make("li", { class: "rest" }, `and ${values.length - FEW} more`)] : []),
    ...added.map((value) => make("li", { class: "new" }, make("bdi", {}, value), button("×", () => take(value), { describes: `Take back ${value}` }))));
  const take = (value) => {
    added.splice(added.indexOf(value), 1);
    change(check.id, `add ${name} ${value}`, null);
    draw();
  };
  const add = (event) => {
    event.preventDefault();
    const value = field.value.trim();
    if (!value || added.includes(value)) return field.focus();
    added.push(value);
    field.value = "";
    change(check.id, `add ${name} ${value}`, { check: check.id, add: { name, value } });
    return draw();
  };
  draw();
  return make("div", { class: "list-line" }, make("p", { class: "list-name" }, name), chips,
    make("form", { class: "field-line", on: { submit: add } }, make("label", { for: id }, `Add to ${name}`), field,
      make("button", { type: "submit" }, "Add")));
};
// The rule; `change(check, what, edit)` hears of each edit.
export const ruleCard = (check, edits, change) =>
  make("section", { class: "rule", tabindex: "-1", "aria-label": check.id },
    make("h2", {}, check.sentence), make("p", { class: "facts-line" },
      make("span", {}, make("code", {}, check.id)), make("span", {}, check.about), make("span", {}, broken(check))),
    check.discrimination && accepts(check.discrimination),
    make("div", { class: "settings" }, level(check, edits, change), check.numbers.map((one) => number(check, one, edits, change))),
    check.lists.length > 0 && make("details", { open: check.lists.some(({ name }) => [...edits.values()].some((edit) => edit.check === check.id && edit.add?.name === name)) },
      make("summary", {}, `Lists: ${check.lists.map(({ name }) => name).join(", ")}`), check.lists.map((one) => list(check, one, edits, change))));
