// The what-if form: fields and sliders update the figures, the sentence, the curve and the page's address.
(() => {
  "use strict";
  const data = document.getElementById("money-inputs");
  const root = document.getElementById("what-if");
  if (!data || !root) return;
  const inputs = JSON.parse(data.textContent);
  const FRAGMENT = "#what-if?";
  const WAIT = 250; // milliseconds; browsers limit address changes to about a hundred in half a minute
  const LONGEST = 40; // characters of a number in an address
  const say = numberWords;
  const find = (selector) => root.querySelector(selector);
  const money = (value) => say.money(value, inputs.currency);

  const showFigures = (now) => {
    find(".figures tbody").replaceChildren(...words.rowsOf(now).map(([what, write]) => {
      const row = document.createElement("tr");
      const texts = [what, write(words.before), write(now)];
      texts.forEach((text, i) => {
        const cell = document.createElement(i ? "td" : "th");
        if (i) cell.className = "n";
        else cell.scope = "row";
        cell.textContent = text;
        row.append(cell);
      });
      row.classList.toggle("changed", texts[1] !== texts[2]);
      return row;
    }));
  };

  const showCurve = (now, counted) => {
    const figure = find(".redrawn");
    const points = now.volume_curve;
    figure.hidden = points.length < 2 || points.some((point) => point.npv === null);
    if (figure.hidden) return;
    const volumes = points.map((point) => point.requests_per_day);
    const old = moneyFormulas.gainAt(inputs, volumes);
    const lines = [{ role: "candidate", values: points.map((point) => point.npv) }];
    if (old.every((value) => value !== null)) lines.unshift({ role: "baseline", values: old });
    const today = counted.requests_per_day;
    const even = now.break_even_requests_per_day;
    const flags = today > 0 ? [{ x: today, text: `your volume: ${say.count(today)}` }] : [];
    if (even) flags.push({ x: even, text: `${inputs.break_even}: ${say.count(even)}` });
    flags.sort((a, b) => a.x - b.x);
    const plot = find(".redrawn .plot");
    gainCurve.draw(plot, volumes, lines, flags, say.count);
    const [first, last] = [points[0], points.at(-1)];
    plot.setAttribute("aria-label", `From ${money(first.npv)} at ${say.count(first.requests_per_day)} requests a day to ${money(last.npv)} at ${say.count(last.requests_per_day)}`);
  };

  const showLines = () => {
    const text = words.tomlLines();
    find(".lines").hidden = find(".hint").hidden = text === "";
    find(".lines pre").textContent = text;
    find(".copied").textContent = "";
  };

  const update = () => {
    const counted = moneyFormulas.changedInputs(inputs, words.changes());
    const now = moneyFormulas.account(counted);
    // Without a cost per request there are no figures; keep showing the last valid ones.
    if (now.npv === null || !Number.isFinite(now.npv)) {
      find(".sentence").textContent = `With these numbers no output is ${inputs.good}, so there is no cost to calculate.`;
      find(".speaks").hidden = true;
    } else {
      const judged = words.judgement(now);
      find(".sentence").textContent = words.sentence(now);
      find(".speaks").hidden = false;
      find(".speaks").className = `speaks tone-${judged.tone}`;
      find(".speaks use").setAttribute("href", `#i-${judged.tone}`);
      find(".speaks span").textContent = judged.text;
      showFigures(now);
      showCurve(now, counted);
    }
    showLines();
    find(".reset").disabled = words.changes().length === 0 && !find("[aria-invalid]");
  };

  // At most one update per frame, however fast a slider moves; the address follows a little later.
  let frame = 0;
  let timer = 0;
  const changed = () => {
    if (!frame) frame = requestAnimationFrame(() => { frame = 0; update(); });
    clearTimeout(timer);
    timer = setTimeout(writeAddress, WAIT);
  };

  const writeAddress = () => {
    const pairs = words.changes().map((field) => [field.key, String(field.value)]);
    const ours = location.hash.startsWith(FRAGMENT);
    if (pairs.length === 0 && !ours) return;
    const text = pairs.length > 0 ? FRAGMENT + new URLSearchParams(pairs) : "#what-if";
    if (text === location.hash) return;
    try {
      history.replaceState(history.state, "", text);
    } catch {
      // Some viewers forbid it; the numbers are still on the page.
    }
  };

  const readAddress = () => {
    if (!location.hash.startsWith(FRAGMENT)) return;
    const given = new URLSearchParams(location.hash.slice(FRAGMENT.length));
    for (const field of fields) {
      field.set(field.own);
      const raw = given.get(field.key);
      if (raw !== null && raw.length < LONGEST) field.offer(raw);
    }
    update();
    for (let part = root.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    root.scrollIntoView({ behavior: "instant" }); // without scrolling past hundreds of examples
  };

  const copy = async () => {
    const pre = find(".lines pre");
    const done = find(".copied");
    try {
      await navigator.clipboard.writeText(pre.textContent);
      done.textContent = "Copied";
    } catch {
      // A local page may not be allowed to write to the clipboard; select the lines for copying instead.
      getSelection().selectAllChildren(pre);
      done.textContent = "Selected: copy with Ctrl+C or ⌘C";
    }
  };

  const fields = [...root.querySelectorAll(".field")].map((element) => whatIfField.make(element, changed));
  const words = whatIfWords(inputs, fields, root.dataset.cost);
  find(".board").hidden = false;
  find(".currency").textContent = inputs.currency;
  find(".reset").addEventListener("click", () => {
    for (const field of fields) field.set(field.own);
    changed();
  });
  find(".copy").addEventListener("click", copy);
  addEventListener("hashchange", readAddress);
  update();
  readAddress();
})();
