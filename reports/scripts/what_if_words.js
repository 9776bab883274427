// The texts of the what-if form: the sentence, the judgement, the rows of figures, the lines of TOML.
// `fields` are the form's fields; `costWords` is the label of the deciding cost.
const whatIfWords = (inputs, fields, costWords) => {
  "use strict";
  const say = numberWords;
  const currency = inputs.currency;
  const { candidate } = inputs.spoken; // the name used in sentences
  const daily = inputs.requests_total === null;
  const money = (value) => say.money(value, currency);
  const before = moneyFormulas.account(inputs);
  const changes = () => fields.filter((field) => field.value !== field.own);
  const valueOf = (key) => fields.find((field) => field.key === key)?.value;
  const target = () => valueOf("target_payback_days") ?? inputs.target_payback_days;

  // The conditions of the sentence: volume, failure cost and the number of other changes.
  const conditions = () => {
    const volume = say.count(valueOf(daily ? "requests_per_day" : "requests_total"));
    const parts = [`${volume} request${volume === "1" ? "" : "s"} ${daily ? "a day" : "in total"}`];
    const failure = valueOf("failure_cost");
    if (failure !== undefined) parts.push(`${say.stated(failure)}\u00a0${currency} per failure`);
    const named = ["requests_per_day", "requests_total", "failure_cost"];
    const others = changes().filter((field) => !named.includes(field.key)).length;
    if (others > 0) parts.push(`${others === 1 ? "one other change" : `${others} other changes`}`);
    return parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}` : parts[0];
  };

  const hosted = (account) => Object.values(account.variants).some((variant) => variant.machine_cost_per_day);

  const costClause = (now) => {
    const thing = hosted(now) ? "per day, including machines" : inputs.failures === "drop" ? `per ${inputs.good} output` : "per request";
    const share = now.saving_share;
    if (share === null) return `${candidate} costs ${money(now.variants[inputs.candidate].effective_cost_per_request)} ${thing}`;
    const size = say.percent(Math.abs(share));
    if (size === "0%") return `${candidate} costs the same ${thing}`;
    return `${candidate} costs ${size} ${share > 0 ? "less" : "more"} ${thing}`;
  };

  const backClause = (now) => {
    if (!daily) {
      const rest = now.npv >= 0 ? `a gain of ${money(now.npv)}` : `a loss of ${money(-now.npv)}`;
      return `after the investment of ${money(now.investment)} there is ${rest}`;
    }
    if (now.payback_days === null) return now.investment > 0 ? `the investment of ${money(now.investment)} never pays back` : "there is no daily saving";
    if (now.investment <= 0) return "there is no investment to pay back";
    const inTime = target() === null ? "" : `, ${now.payback_days <= target() ? "within" : "after"} the target of ${say.days(target())}`;
    return `the investment of ${money(now.investment)} pays back in ${say.days(now.payback_days)}${inTime}`;
  };

  const sentence = (now) => `With ${conditions()}, ${costClause(now)}; ${backClause(now)}.`;

  // Whether the money favours the candidate: payback within the target, and a gain.
  const judgement = (now) => {
    const gain = daily ? `over ${say.days(now.horizon_days)}` : "over the whole batch";
    if (!(now.npv > 0)) {
      const lost = now.npv < 0 ? `they give a loss of ${money(-now.npv)} ${gain}` : `they give no gain ${gain}`;
      return { tone: "stay", text: `These numbers are an argument against ${candidate}: ${lost}.` };
    }
    const late = now.payback_days === null || now.payback_days > target();
    if (daily && target() !== null && late) {
      return {
        tone: "open",
        text: `The payback misses the target, although ${candidate} gains ${money(now.npv)} ${gain}.`,
      };
    }
    return { tone: "go", text: `These numbers are an argument for ${candidate}: they give a gain of ${money(now.npv)} ${gain}.` };
  };

  // [label, how to format it from an account] of each row; the table shows the run's account and the changed one.
  const rowsOf = (now) => {
    const cost = (role) => [`${costWords} ${inputs[role]}`, (a) => money(a.variants[inputs[role]].effective_cost_per_request)];
    const rows = [cost("baseline"), cost("candidate")];
    if (hosted(before)) {
      rows.push([`Cost of a day with ${inputs.labels.baseline}`, (a) => money(a.spend_per_day_baseline)]);
      rows.push([`Cost of a day with ${inputs.labels.candidate}`, (a) => money(a.spend_per_day_candidate)]);
    }
    if (daily) {
      rows.push(["Saving per day", (a) => money(a.saving_per_day)]);
      rows.push(["Payback", (a) => say.days(a.payback_days)]);
      const volume = (a) => a.break_even_requests_per_day;
      rows.push([`${inputs.break_even[0].toUpperCase()}${inputs.break_even.slice(1)}, requests a day`, (a) => (volume(a) === null ? "at no volume" : say.count(volume(a)))]);
    } else {
      rows.push(["Total saving", (a) => money(a.saving_total)]);
    }
    if (before.break_even_failure_cost !== null || now.break_even_failure_cost !== null) {
      const least = (a) => a.break_even_failure_cost;
      const none = (a) => ((daily ? a.saving_per_day : a.saving_per_request) > 0 ? "at any cost" : "at no cost");
      rows.push(["Break-even, cost of a failure", (a) => (least(a) === null ? none(a) : money(least(a)))]);
    }
    const span = now.horizon_days === before.horizon_days ? `over ${say.days(now.horizon_days)}` : "over the horizon";
    rows.push([daily ? `Gain ${span}` : "Gain", (a) => money(a.npv)]);
    return rows;
  };

  // The changed numbers as lines of tuneworth.toml.
  const tomlKey = (name) => (/^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name).replaceAll("\x7f", "\\u007f"));
  const tomlLines = () => {
    const tables = new Map([["[roi]", []]]);
    const table = (head) => tables.get(head) ?? tables.set(head, []).get(head);
    for (const { key, part, name, value } of changes()) {
      if (key === "investment") {
        table("[roi.investment]  # replace the whole table").push(`compute = ${value}`);
      } else if (key === "upkeep_per_month") {
        table("[roi.running]  # replace everything except base_model_retires").push(
          "monitoring_hours_per_month = 1", `monitoring_hourly = ${value}`);
      } else {
        table(part === "plan" ? "[roi]" : `[roi.${tomlKey(key.slice(0, -name.length - 1))}]`).push(`${name} = ${value}`);
      }
    }
    return [...tables].filter(([, lines]) => lines.length > 0).flatMap(([head, lines]) => [head, ...lines]).join("\n");
  };

  return Object.freeze({ before, changes, judgement, rowsOf, sentence, tomlLines });
};
