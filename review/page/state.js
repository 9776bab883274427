// What every view shares: the state that the server tells, who decides, and what was said last.
import { get } from "./api.js";
import { find, fill } from "./dom.js";

const EVERY = 2000; // milliseconds between two looks at the state
const listeners = [];
let asking = null;
let latest = 0; // the number of the last request, as answers may overtake one another
export const desk = { state: null, who: "", reached: true };

// A browser may forbid storage; everything but remembering works without it.
export const remember = (name, value) => {
  try { localStorage.setItem(`tuneworth/review/${name}`, value); } catch { /* not remembered */ }
};
export const remembered = (name) => {
  try { return localStorage.getItem(`tuneworth/review/${name}`); } catch { return null; }
};

export const onState = (listener) => listeners.push(listener);
// Asks for the state now and tells the listeners; they also hear when the server stops or starts to answer.
export const refresh = async () => {
  clearTimeout(asking);
  const number = (latest += 1);
  try {
    const state = await get("state", { who: desk.who });
    if (number !== latest) return;
    desk.state = state;
    desk.reached = true;
    if (!desk.who) desk.who = remembered("who") || state.who;
  } catch (error) {
    if (number !== latest) return;
    desk.reached = false;
    desk.refusal = error;
  }
  if (!document.hidden) asking = setTimeout(refresh, EVERY);
  listeners.forEach((listen) => listen(desk));
};
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });

// Says a sentence where the person looks, and to a screen reader.
export const say = (...words) => fill(find("said"), ...words);
