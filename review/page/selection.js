// The text that is selected in a row, on its way to the style.
import { find } from "./dom.js";

let taken = null;

export const selectedText = () => {
  const selection = getSelection();
  if (!selection || selection.isCollapsed || !find("view").contains(selection.anchorNode)) return "";
  return selection.toString().trim().replace(/\s+/g, " ").slice(0, 200);
};
// Remembers the selected text of a row and leads to the style; false if none is selected.
export const takeToStyle = (item) => {
  const text = selectedText();
  if (!text) return false;
  taken = { text, id: item.sides[0].id };
  location.hash = "#style";
  return true;
};
// What was brought here, once.
export const takenText = () => {
  const found = taken;
  taken = null;
  return found;
};
