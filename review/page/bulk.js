// One decision for all rows like this one: by rule, group, field or repair, with a preview of each and one undo.
import { post } from "./api.js";
import { button, count, dialog, fill, find, make, marked, rows } from "./dom.js";
import { desk } from "./state.js";

const PAGE = 20; // rows of the preview that are fetched at a time
const ALONE = ["edit"]; // needs a text of its own for each row

const choice = (group, value, label, checked, run) => {
  const input = make("input", { type: "radio", name: group, value });
  input.checked = checked;
  input.addEventListener("change", run);
  return make("label", {}, input, " ", label);
};
const previewRow = ({ id, before, after, decision }) =>
  make("li", {}, make("p", { class: "id" }, make("bdi", {}, id), " ", make("span", { class: "tag" }, decision)),
    make("p", { class: "output", dir: "auto" }, marked(before)), after && make("p", { class: "output after", dir: "auto" }, marked(after)));

// Opens the dialog for the rows like this item; `done` gets the words of what was saved.
export const openBulk = (item, done) => {
  const actions = item.actions.filter(({ action }) => !ALONE.includes(action));
  const chosen = { like: item.likes[0], action: actions[0], shown: [], stamp: "", count: 0, asked: 0 };
  const list = make("ol", { class: "preview", "aria-label": "Rows that this decides" });
  const told = make("p", { class: "told", role: "status" });
  const problem = make("p", { class: "wrong", role: "alert" });
  const why = make("input", { type: "text", id: "bulk-why", maxlength: "500", autocomplete: "off", value: find("why")?.value ?? "" });
  const apply = button("", () => save(), { kind: "first" });
  const more = button("", () => load(true), {});
  const asked = () => ({ kind: item.kind, key: item.key, action: chosen.action.action, by: chosen.like.by, value: chosen.like.value });

  const load = async (further = false) => {
    const number = (chosen.asked += 1);
    if (!further) chosen.shown = [];
    apply.disabled = true;
    fill(problem);
    try {
      const found = await post("bulk/preview", { ...asked(), start: chosen.shown.length, limit: PAGE });
      if (number !== chosen.asked) return;
      const at = chosen.shown.length;
      chosen.shown.push(...found.rows);
      Object.assign(chosen, { stamp: found.stamp, count: found.count });
      fill(list, chosen.shown.map(previewRow));
      if (further) { const first = list.children[at]; first.tabIndex = -1; first.focus(); }
      fill(told, found.count ? `${rows(found.count)}, ${count(chosen.shown.length)} shown` : "No row that is left is like this one.");
      fill(apply, make("span", {}, `${chosen.action.label}: apply to ${rows(found.count)}`));
      apply.disabled = !found.count;
      more.hidden = chosen.shown.length >= found.count;
      fill(more, `Show ${Math.min(PAGE, found.count - chosen.shown.length)} more`);
    } catch (error) { if (number === chosen.asked) fill(problem, error.message); }
  };
  const save = async () => {
    apply.disabled = true;
    fill(problem);
    try {
      const { saved } = await post("bulk/apply", { ...asked(), who: desk.who, why: why.value.trim(), stamp: chosen.stamp });
      box.close();
      done(`${chosen.action.label}, ${rows(saved)}. One undo takes all of it back.`);
    } catch (error) {
      if (error.status === 409) await load();
      else apply.disabled = false;
      fill(problem, error.status === 409 ? `${error.message} The preview is new: look at it again.` : `Not saved: ${error.message}`);
    }
  };
  const pick = (name, value) => () => { chosen[name] = value; load(); };
  const box = dialog("All like this", make("div", { class: "bulk" },
    make("fieldset", {}, make("legend", {}, "Which rows"), item.likes.map((like, number) =>
      choice("like", String(number), `${like.label} (${count(like.count)} left)`, !number, pick("like", like)))),
    make("fieldset", {}, make("legend", {}, "What is decided"), actions.map((action, number) =>
      choice("action", action.action, action.label, !number, pick("action", action)))),
    make("p", { class: "why" }, make("label", { for: "bulk-why" }, "Why (if you like) "), why),
    told, list, make("p", { class: "act" }, more), problem, make("p", { class: "act end" }, apply)), { wide: true });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !apply.disabled) { event.preventDefault(); save(); }
  });
  box.querySelector("input[type=radio]").focus();
  load();
};
