// The what-if form: fields and sliders in, figures, sentence and curve out, the changed numbers in the address.
(() => {
  "use strict";
  const data = document.getElementById("money-inputs");
  const root = document.getElementById("what-if");
  if (!data || !root) return;
  const inputs = JSON.parse(data.textContent);
  const say = numberWords;
  const currency = inputs.currency;
  const daily = inputs.requests_total === null;
  const FRAGMENT = "#what-if?";
  const STEPS = 1000;
  const WAIT = 250; // milliseconds; browsers take no more than some hundred changes of an address in half a minute
  const find = (selector) => root.querySelector(selector);
  const money = (value) => say.amount(value, currency);

  // "0,10", "12 000", "1,000.50", "1.000,50" and "38 %" as numbers; null for what is none.
  const readNumber = (text) => {
    let found = text.replace(/[\s\u00a0\u202f'\u2019]/g, "").replace(/%$/, "").replace("\u2212", "-");
    if (/^-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/.test(found)) found = found.replaceAll(",", "");
    else if (/^-?[1-9]\d{0,2}(\.\d{3})+,\d+$/.test(found)) found = found.replaceAll(".", "").replace(",", ".");
    else if (/^-?[1-9]\d{0,2}(\.\d{3}){2,}$/.test(found)) found = found.replaceAll(".", "");
    else found = found.replace(",", ".");
    return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?$/i.test(found) ? Number(found) : null;
  };

  const makeField = (element) => {
    const { key, part, name, unit, text } = element.dataset;
    const [value, least, most, low, high] = ["value", "least", "most", "low", "high"].map((n) => Number(element.dataset[n]));
    const share = "share" in element.dataset;
    const log = "log" in element.dataset;
    const scale = share ? 100 : 1;
    const box = element.querySelector("input[type=text]");
    const slider = element.querySelector("input[type=range]");
    const wrong = element.querySelector(".wrong");
    const undo = element.querySelector(".undo");
    const field = { key, part, name, own: value, value, share, unit, log };

    const words = (v) => (share ? say.percent(v) : `${say.plain(v)} ${unit}`);
    const placeOf = (v) => {
      const share_ = log ? Math.log(Math.max(v, low) / low) / Math.log(high / low) : (v - low) / (high - low);
      return Math.round(STEPS * Math.min(1, Math.max(0, share_)));
    };
    // Three digits from a slider are as many as a hand can choose.
    const valueAt = (place) => {
      const at = place / STEPS;
      const raw = log ? low * (high / low) ** at : low + (high - low) * at;
      return place === placeOf(value) ? value : Math.min(most, Math.max(least, Number(raw.toPrecision(3))));
    };
    const problem = (v) => {
      if (v === null) return "Write a number, such as 0.10 or 1,000.";
      if (v < 0) return "This cannot be negative.";
      if (v / scale > most) return `At most ${share ? "100\u00a0%" : say.count(most)}.`;
      if (v / scale < least) return least < 1 ? "This must be more than 0." : `At least ${say.count(least)}.`;
      return "";
    };
    const show = (text_) => {
      wrong.hidden = text_ === "";
      wrong.textContent = text_;
      if (text_ === "") box.removeAttribute("aria-invalid");
      else box.setAttribute("aria-invalid", "true");
      slider.value = String(placeOf(field.value));
      slider.setAttribute("aria-valuetext", words(field.value));
      const changed = field.value !== field.own;
      undo.hidden = !changed && text_ === "";
      element.classList.toggle("changed", changed);
    };
    // As the field would have it typed: no exponent, no separators, no noise of the last digit.
    const typed = (v) => {
      const plain = (v * scale).toLocaleString("en-US", { maximumSignificantDigits: 12, useGrouping: false });
      return v === field.own ? text : plain;
    };
    field.set = (v) => {
      field.value = v;
      box.value = typed(v);
      show("");
    };
    // A value from elsewhere, such as an address: what the field would not take changes nothing.
    field.offer = (raw) => {
      const v = readNumber(raw);
      if (v !== null && problem(v * scale) === "") field.set(v);
    };
    box.addEventListener("input", () => {
      const v = readNumber(box.value);
      const text_ = problem(v);
      if (text_ === "") field.value = box.value === text ? value : v / scale;
      show(text_);
      changed();
    });
    slider.addEventListener("input", () => {
      field.set(valueAt(Number(slider.value)));
      changed();
    });
    undo.addEventListener("click", () => {
      field.set(field.own);
      changed();
      box.focus();
    });
    show("");
    return field;
  };

  const changes = () => fields.filter((field) => field.value !== field.own);

  // The sentence: what was changed, what a request then costs, when the money is back.
  const conditions = () => {
    const said = [];
    const by = new Map(fields.map((field) => [field.key, field]));
    const volume = by.get(daily ? "requests_per_day" : "requests_total").value;
    said.push(daily ? `${say.count(volume)} requests a day` : `${say.count(volume)} requests in all`);
    const failure = by.get("failure_cost");
    if (failure) said.push(`${say.plain(failure.value)}\u00a0${currency} for a failure`);
    const others = changes().filter((field) => !["requests_per_day", "requests_total", "failure_cost"].includes(field.key));
    if (others.length > 0) said.push(`${others.length === 1 ? "one other number" : `${others.length} other numbers`} changed`);
    return said.length > 1 ? `${said.slice(0, -1).join(", ")} and ${said.at(-1)}` : said[0];
  };

  const costClause = (now) => {
    const machines = Object.values(now.variants).some((variant) => variant.machine_cost_per_day);
    const thing = machines ? "a day, machines included" : inputs.failures === "drop" ? "per acceptable output" : "per request";
    const share = now.saving_share;
    if (share === null) return `${inputs.candidate} costs ${money(now.variants[inputs.candidate].effective_cost_per_request)} ${thing}`;
    const size = say.percent(Math.abs(share), Math.abs(share) < 0.1 ? 1 : 0);
    if (/^0\s/.test(size)) return `${inputs.candidate} costs the same ${thing}`;
    return `${inputs.candidate} costs ${size} ${share > 0 ? "less" : "more"} ${thing}`;
  };

  const backClause = (now) => {
    if (!daily) {
      const rest = now.npv >= 0 ? `${money(now.npv)} are left over` : `${money(-now.npv)} are missing`;
      return `once the ${money(now.investment)} are spent, ${rest}`;
    }
    if (now.payback_days === null) return now.investment > 0 ? `the ${money(now.investment)} never come back` : "a day saves nothing";
    if (now.investment <= 0) return "nothing is to be spent first";
    const target = targetOf();
    const inTime = target === null ? "" : `, ${now.payback_days <= target ? "within" : "after"} the target of ${say.days(target)}`;
    return `the ${money(now.investment)} are back after ${say.days(now.payback_days)}${inTime}`;
  };

  const targetOf = () => fields.find((field) => field.key === "target_payback_days")?.value ?? inputs.target_payback_days;

  // Whether the money speaks for the candidate: paid back within the target, and a gain.
  const judgement = (now) => {
    const gain = daily ? `over ${say.days(now.horizon_days)}` : "over the whole batch";
    const name = inputs.candidate;
    if (!(now.npv > 0)) {
      const lost = now.npv < 0 ? `${money(-now.npv)} are lost ${gain}` : `nothing is gained ${gain}`;
      return { tone: "stay", text: `At these numbers the money speaks against ${name}: ${lost}.` };
    }
    const target = targetOf();
    if (daily && target !== null && now.payback_days > target) {
      return {
        tone: "open",
        text: `By the target the money speaks against ${name}, though ${money(now.npv)} are gained ${gain}.`,
      };
    }
    return { tone: "go", text: `At these numbers the money speaks for ${name}: ${money(now.npv)} are gained ${gain}.` };
  };

  const before = moneyFormulas.account(inputs);

  const rowsOf = (now) => {
    const cost = (role) => [`${root.dataset.cost} ${inputs[role]}`, (a) => money(a.variants[inputs[role]].effective_cost_per_request)];
    const rows = [cost("baseline"), cost("candidate")];
    if (Object.values(before.variants).some((variant) => variant.machine_cost_per_day)) {
      rows.push([`A day costs with ${inputs.baseline}`, (a) => money(a.spend_per_day_baseline)]);
      rows.push([`A day costs with ${inputs.candidate}`, (a) => money(a.spend_per_day_candidate)]);
    }
    if (daily) {
      rows.push(["Saved in a day", (a) => money(a.saving_per_day)]);
      rows.push(["Paid back after", (a) => say.days(a.payback_days)]);
      const volume = (a) => a.break_even_requests_per_day;
      rows.push(["Worth it from, requests a day", (a) => (volume(a) === null ? "no volume" : say.count(volume(a)))]);
    } else {
      rows.push(["Saved in all", (a) => money(a.saving_total)]);
    }
    if (before.break_even_failure_cost !== null || now.break_even_failure_cost !== null) {
      const least = (a) => a.break_even_failure_cost;
      const none = (a) => ((daily ? a.saving_per_day : a.saving_per_request) > 0 ? "whatever it costs" : "at no cost");
      rows.push(["Worth it once a failure costs", (a) => (least(a) === null ? none(a) : money(least(a)))]);
    }
    const span = now.horizon_days === before.horizon_days ? `over ${say.days(now.horizon_days)}` : "as long as savings count";
    rows.push([daily ? `Gain ${span}` : "Left over", (a) => money(a.npv)]);
    return rows;
  };

  const showFigures = (now) => {
    find(".figures tbody").replaceChildren(...rowsOf(now).map(([what, write]) => {
      const row = document.createElement("tr");
      const texts = [what, write(before), write(now)];
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
    if (even) flags.push({ x: even, text: `break-even: ${say.count(even)}` });
    flags.sort((a, b) => a.x - b.x);
    const plot = find(".redrawn .plot");
    gainCurve.draw(plot, volumes, lines, flags, say.count);
    const [first, last] = [points[0], points.at(-1)];
    plot.setAttribute("aria-label", `From ${money(first.npv)} at ${say.count(first.requests_per_day)} requests a day to ${money(last.npv)} at ${say.count(last.requests_per_day)}`);
  };

  // The changed numbers as lines of tuneworth.toml.
  const tomlKey = (name) => (/^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name).replaceAll("\x7f", "\\u007f"));
  const tomlLines = () => {
    const tables = new Map([["[roi]", []]]);
    const table = (head) => tables.get(head) ?? tables.set(head, []).get(head);
    for (const { key, part, name, value } of changes()) {
      if (key === "investment") {
        table("[roi.investment]  # in place of all that stands there").push(`compute = ${value}`);
      } else if (key === "upkeep_per_month") {
        table("[roi.running]  # in place of all that stands there but base_model_retires").push(
          "monitoring_hours_per_month = 1", `monitoring_hourly = ${value}`);
      } else {
        table(part === "plan" ? "[roi]" : `[roi.${tomlKey(inputs[part])}]`).push(`${name} = ${value}`);
      }
    }
    return [...tables].filter(([, lines]) => lines.length > 0).flatMap(([head, lines]) => [head, ...lines]).join("\n");
  };

  const showLines = () => {
    const text = tomlLines();
    find(".lines").hidden = find(".hint").hidden = text === "";
    find(".lines pre").textContent = text;
    find(".copied").textContent = "";
  };

  const update = () => {
    const counted = moneyFormulas.changedInputs(inputs, changes());
    const now = moneyFormulas.account(counted);
    // Nothing can be said where a request has no cost: the last good result stays.
    if (now.npv === null || !Number.isFinite(now.npv)) {
      find(".sentence").textContent = "At these numbers a request has no cost: nothing acceptable comes out.";
      find(".speaks").hidden = true;
    } else {
      const judged = judgement(now);
      find(".sentence").textContent = `At ${conditions()}, ${costClause(now)}; ${backClause(now)}.`;
      find(".speaks").hidden = false;
      find(".speaks").className = `speaks tone-${judged.tone}`;
      find(".speaks use").setAttribute("href", `#i-${judged.tone}`);
      find(".speaks span").textContent = judged.text;
      showFigures(now);
      showCurve(now, counted);
    }
    showLines();
    find(".reset").disabled = changes().length === 0 && !find("[aria-invalid]");
  };

  // One update in a frame, however fast a slider moves; the address a little later.
  let frame = 0;
  let timer = 0;
  const changed = () => {
    if (!frame) frame = requestAnimationFrame(() => { frame = 0; update(); });
    clearTimeout(timer);
    timer = setTimeout(writeAddress, WAIT);
  };

  const writeAddress = () => {
    const pairs = changes().map((field) => [field.key, String(field.value)]);
    const ours = location.hash.startsWith(FRAGMENT);
    if (pairs.length === 0 && !ours) return;
    const text = pairs.length > 0 ? FRAGMENT + new URLSearchParams(pairs) : "#what-if";
    if (text === location.hash) return;
    try {
      history.replaceState(history.state, "", text);
    } catch {
      // Some viewers forbid it; the numbers stay on the page.
    }
  };

  const readAddress = () => {
    if (!location.hash.startsWith(FRAGMENT)) return;
    const given = new URLSearchParams(location.hash.slice(FRAGMENT.length));
    for (const field of fields) {
      field.set(field.own);
      const raw = given.get(field.key);
      if (raw !== null && raw.length < 40) field.offer(raw);
    }
    update();
    root.scrollIntoView({ behavior: "instant" }); // nobody watches hundreds of examples fly past
  };

  const copy = async () => {
    const pre = find(".lines pre");
    const done = find(".copied");
    try {
      await navigator.clipboard.writeText(pre.textContent);
      done.textContent = "Copied";
    } catch {
      // Not every page from a disk may write to the clipboard: the lines are marked, ready to be copied by hand.
      getSelection().selectAllChildren(pre);
      done.textContent = "Marked: copy with Ctrl+C or ⌘C";
    }
  };

  const fields = [...root.querySelectorAll(".field")].map(makeField);
  find(".board").hidden = false;
  find(".currency").textContent = currency;
  find(".reset").addEventListener("click", () => {
    for (const field of fields) field.set(field.own);
    changed();
  });
  find(".copy").addEventListener("click", copy);
  addEventListener("hashchange", readAddress);
  update();
  readAddress();
})();
