// Blind judging: a person compares two outputs without their names, and the preferences are counted.
// The tally of preferences, with Wilson's interval for the candidate's share as in evaluate/statistics.
const preferenceTally = (choices) => {
  "use strict";
  const counts = { candidate: 0, baseline: 0, equal: 0 };
  for (const choice of choices) counts[choice] += 1;
  const n = counts.candidate + counts.baseline;
  if (!n) return { ...counts, share: null, low: null, high: null };
  const share = counts.candidate / n;
  const square = 1.959963984540054 ** 2; // of the normal quantile for 95%
  const centre = share + square / (2 * n);
  const spread = Math.sqrt(square * ((share * (1 - share)) / n + square / (4 * n * n)));
  const low = share <= 0 ? 0 : (centre - spread) / (1 + square / n);
  const high = share >= 1 ? 1 : (centre + spread) / (1 + square / n);
  return { ...counts, share, low, high };
};

(() => {
  "use strict";
  const box = document.getElementById("blind");
  const open = document.querySelector('.filters button[value="blind"]');
  if (!box || !open) return;
  const SCHEMA = "tuneworth/judgements/1";
  const ENOUGH = 10; // choices before results are shown, since they would bias the next choices
  const { outputs, created, baseline, candidate, ours, theirs } = box.dataset; // the last two are labels
  const store = `tuneworth/judgements/${outputs}`;
  const find = (selector) => box.querySelector(selector);
  const press = (name) => find(`button[value="${name}"]`);
  const sides = box.querySelectorAll(".judging .output");
  const every = new Map([...document.querySelectorAll(".card")].map((card) => {
    const [one, two] = card.querySelectorAll(":scope > .pair > .answer:not(.ref) > .output");
    const id = card.querySelector("h3 bdi").textContent;
    const texts = new Map([[baseline, exampleText.plain(one)], [candidate, exampleText.plain(two)]]);
    const cut = (output) => (output.nextElementSibling?.matches(".left") ? output.nextElementSibling.textContent : "");
    return [id, { card, texts, cuts: new Map([[baseline, cut(one)], [candidate, cut(two)]]) }];
  }));
  const rows = new Map([...every].filter(([, { texts }]) => texts.get(baseline) !== texts.get(candidate)));
  let judged = new Map(); // from id to its saved choice
  let seed = 0;
  let order = [];
  let at = 0;
  let shown = null; // the id of the request on the page
  let marks = {}; // which of its outputs are marked, with `true` for acceptable
  let revealed = false;
  let since = 0;
  let kept = null; // the browser storage as this tab last saw it

  // A 32-bit hash of a text and the seed (FNV-1a with Murmur's finalizer), for the order of the rows and the sides.
  const hash = (text) => {
    let bits = 2166136261 ^ seed;
    for (let i = 0; i < text.length; i += 1) bits = Math.imul(bits ^ text.charCodeAt(i), 16777619);
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return (bits ^ (bits >>> 16)) >>> 0;
  };
  const begin = (chosen, choices) => {
    seed = chosen;
    judged = choices;
    revealed = false;
    shown = null;
    order = [...rows.keys()].map((id) => [hash(`order ${id}`), id]).sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1))
      .map(([, id]) => id);
    at = unjudged(-1);
  };
  const unjudged = (after) => {
    const next = order.findIndex((id, number) => number > after && !judged.has(id));
    return next < 0 ? order.length : next;
  };
  const placed = (id) => {
    const known = judged.get(id);
    if (known) return [known.left, known.right];
    return hash(`side ${id}`) & 1 ? [baseline, candidate] : [candidate, baseline];
  };

  const MARKS = ["left_acceptable", "right_acceptable"];
  const marked = (one) => Object.fromEntries(MARKS.filter((key) => one[key] !== undefined).map((key) => [key, one[key]]));

  const content = () => ({
    schema: SCHEMA, run: { created, outputs }, baseline, candidate, seed, judge: find("[name=judge]").value.trim(),
    judgements: order.filter((id) => judged.has(id)).map((id) => judged.get(id)),
  });
  const keep = () => {
    let saved = true;
    try {
      const text = JSON.stringify(content());
      localStorage.setItem(store, text);
      kept = text;
    } catch { saved = false; }
    find(".stored").textContent = saved
      ? "This browser saves your choices as you make them. Save them to a file to use them elsewhere."
      : "This browser cannot save your choices. Save them to a file before you close the page.";
  };
  // The problem with a saved file as a sentence; "" if it is valid.
  const problemOf = (data) => {
    if (!data || data.schema !== SCHEMA || !Array.isArray(data.judgements)) return "This is not a judgements file.";
    if (!data.run || data.run.outputs !== outputs) return "These judgements belong to another run.";
    if (!Number.isInteger(data.seed)) return "This file is incomplete: its seed is missing.";
    const names = [baseline, candidate].sort().join("\n");
    for (const one of data.judgements) {
      if (!one || !every.has(one.id)) return "These judgements refer to requests that are not shown here.";
      if (!["left", "right", "equal"].includes(one.choice)) return "This file contains a choice other than left, right or equal.";
      if (Object.values(marked(one)).some((mark) => typeof mark !== "boolean")) return "This file contains a mark other than true or false.";
      if ([one.left, one.right].sort().join("\n") !== names) return "These judgements compare other variants.";
    }
    return "";
  };
  const take = (data) => {
    const problem = problemOf(data);
    if (problem) return problem;
    find("[name=judge]").value = typeof data.judge === "string" ? data.judge.slice(0, 80) : "";
    const choices = data.judgements.filter((one) => rows.has(one.id)).map((one) => {
      const { id, left, right, choice, seconds } = one;
      return [id, { id, left, right, choice, seconds: Number.isFinite(seconds) ? seconds : null, ...marked(one) }];
    });
    begin(data.seed >>> 0, new Map(choices));
    return "";
  };

  const { percent } = numberWords;
  const preferred = ({ choice, left, right }) =>
    choice === "equal" ? "equal" : (choice === "left" ? left : right) === candidate ? "candidate" : "baseline";
  const summary = () => {
    const found = preferenceTally([...judged.values()].map(preferred));
    const n = found.candidate + found.baseline;
    const counts = `${ours} preferred ${found.candidate}, ${theirs} ${found.baseline}, equal ${found.equal}`;
    if (!n) return `${counts}.`;
    const part = box.dataset.part === undefined ? ""
      : " The variants differ more often on the requests shown here than on all requests.";
    return `${counts}. Of the ${n} with a preference, ${percent(found.share)} went to ${ours} `
      + `(range ${percent(found.low)} to ${percent(found.high)}).${part}`;
  };
  const tell = () => {
    const ended = at >= order.length;
    const may = judged.size > 0 && (judged.size >= ENOUGH || ended);
    revealed = may && (revealed || ended);
    press("tally").disabled = !may;
    press("tally").hidden = revealed;
    press("tally").textContent = may ? "Show results so far" : `Results are shown after ${Math.min(ENOUGH, order.length)} choices`;
    find(".tally p").textContent = revealed ? summary() : "";
  };
  const draw = () => {
    const ended = at >= order.length;
    find(".judging").hidden = ended;
    find(".done").hidden = !ended;
    const left = order.length - judged.size;
    const same = every.size - rows.size;
    find(".same").textContent = same ? `Excluded because both outputs are the same: ${same}.` : "";
    find(".done p").textContent = left ? `You have seen all requests, but skipped ${left}.` : "You have judged all requests.";
    press("skipped").hidden = !left;
    find(".progress").textContent = ended ? `${judged.size} of ${order.length} judged`
      : `Request ${at + 1} of ${order.length}, ${judged.size} judged`;
    box.querySelectorAll('button[value="back"]').forEach((button) => { button.disabled = at === 0; });
    if (!ended) {
      const { card, texts, cuts } = rows.get(order[at]);
      const known = judged.get(order[at]);
      const request = card.querySelector(".request").cloneNode(true);
      find(".judging .request").replaceChildren(...request.childNodes);
      placed(order[at]).forEach((name, side) => {
        sides[side].textContent = texts.get(name) || "(empty)";
        sides[side].classList.toggle("empty", !texts.get(name));
        sides[side].nextElementSibling.textContent = cuts.get(name);
      });
      if (known || shown !== order[at]) marks = marked(known || {});
      shown = order[at];
      drawMarks();
      for (const choice of ["left", "equal", "right"]) {
        press(choice).setAttribute("aria-pressed", String(Boolean(known) && known.choice === choice));
      }
    }
    since = performance.now();
    tell();
  };
  const drawMarks = () => {
    for (const key of MARKS) {
      const side = key.split("_")[0];
      press(`${side}-yes`).setAttribute("aria-pressed", String(marks[key] === true));
      press(`${side}-no`).setAttribute("aria-pressed", String(marks[key] === false));
    }
  };
  // The same mark again removes it; that of a request with a choice is saved at once, others with the choice.
  const mark = (key, good) => {
    if (at >= order.length) return;
    const { [key]: before, ...rest } = marks;
    marks = before === good ? rest : { ...rest, [key]: good };
    const known = judged.get(order[at]);
    if (known) {
      const { id, left, right, choice, seconds } = known;
      judged.set(id, { id, left, right, choice, seconds, ...marks });
      keep();
    }
    drawMarks();
  };
  const choose = (choice) => {
    if (at >= order.length) return;
    const id = order[at];
    const [left, right] = placed(id);
    const seconds = Math.min(Math.round((performance.now() - since) / 100) / 10, 3600);
    judged.set(id, { id, left, right, choice, seconds, ...marks });
    keep();
    at = unjudged(at);
    draw();
  };
  const act = {
    left: () => choose("left"),
    right: () => choose("right"),
    equal: () => choose("equal"),
    "left-yes": () => mark("left_acceptable", true),
    "left-no": () => mark("left_acceptable", false),
    "right-yes": () => mark("right_acceptable", true),
    "right-no": () => mark("right_acceptable", false),
    skip: () => { if (at < order.length) { at = unjudged(at); draw(); } },
    back: () => { if (at > 0) { at -= 1; draw(); } },
    skipped: () => { at = unjudged(-1); draw(); },
    tally: () => { revealed = true; tell(); },
    close: () => box.close(),
    again: () => {
      if (judged.size && !window.confirm("Delete all choices made so far?")) return;
      begin(crypto.getRandomValues(new Uint32Array(1))[0], new Map());
      keep();
      draw();
    },
    save: () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([JSON.stringify(content(), null, 1)], { type: "application/json" }));
      link.download = "judgements.json";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    },
  };
  box.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && Object.hasOwn(act, button.value)) act[button.value]();
  });
  const keys = {
    1: "left", 2: "right", 3: "equal", ArrowLeft: "left", ArrowRight: "right", s: "skip", b: "back",
    4: "left-yes", 5: "left-no", 6: "right-yes", 7: "right-no",
  };
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest("input")) return;
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    act[keys[event.key]]();
  });
  find("[name=judge]").addEventListener("change", keep);
  find("[type=file]").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    let problem = "This file is too large to be a judgements file.";
    if (file.size < 5e6) {
      try { problem = take(JSON.parse(await file.text())); } catch { problem = "This file cannot be read as JSON."; }
    }
    event.target.value = "";
    find(".wrong").textContent = problem;
    if (!problem) { keep(); draw(); }
  });
  // Once results have been shown, the cards show which output the person preferred.
  box.addEventListener("close", () => {
    document.querySelectorAll(".yours").forEach((label) => label.remove());
    if (!revealed) return;
    for (const one of judged.values()) {
      const label = document.createElement("span");
      label.className = "yours";
      const choice = preferred(one);
      label.textContent = choice === "equal" ? "you: equal" : `you preferred ${choice === "candidate" ? ours : theirs}`;
      rows.get(one.id).card.querySelector("h3").append(label);
    }
  });
  // Loads what another tab has stored since, so that two tabs share one session.
  const follow = () => {
    let found = null;
    try {
      const text = localStorage.getItem(store);
      if (text === kept) return false;
      kept = text;
      found = JSON.parse(text);
    } catch { /* nothing is stored, or it is unreadable */ }
    return Boolean(found) && take(found) === "";
  };
  addEventListener("storage", (event) => { if (event.key === store && follow() && box.open) draw(); });
  open.addEventListener("click", () => {
    follow();
    box.showModal();
    find("h2").focus();
    keep();
    draw();
  });
  if (!follow()) begin(crypto.getRandomValues(new Uint32Array(1))[0], new Map());
  open.hidden = !rows.size;
})();
