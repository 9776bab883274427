// What the what-if form says: the sentence, whether the money speaks for tuning, the rows of figures, lines of TOML.
// `fields` are those of the form; `costWords` is what the cost that counts is the cost of.
const whatIfWords = (inputs, fields, costWords) => {
  "use strict";
  const say = numberWords;
  const currency = inputs.currency;
  const { candidate } = inputs.spoken; // as a sentence names it
  const daily = inputs.requests_total === null;
  const money = (value) => say.money(value, currency);
  const before = moneyFormulas.account(inputs);
  const changes = () => fields.filter((field) => field.value !== field.own);
  const valueOf = (key) => fields.find((field) => field.key === key)?.value;
  const target = () => valueOf("target_payback_days") ?? inputs.target_payback_days;

  // What was changed.
  const conditions = () => {
    const volume = say.count(valueOf(daily ? "requests_per_day" : "requests_total"));
    const said = [`${volume} request${volume === "1" ? "" : "s"} ${daily ? "a day" : "in all"}`];
    const failure = valueOf("failure_cost");
    if (failure !== undefined) said.push(`${say.stated(failure)}\u00a0${currency} for a failure`);
    const told = ["requests_per_day", "requests_total", "failure_cost"];
    const others = changes().filter((field) => !told.includes(field.key)).length;
    if (others > 0) said.push(`${others === 1 ? "one other number" : `${others} other numbers`} changed`);
    return said.length > 1 ? `${said.slice(0, -1).join(", ")} and ${said.at(-1)}` : said[0];
  };

  const hosted = (account) => Object.values(account.variants).some((variant) => variant.machine_cost_per_day);

  const costClause = (now) => {
    const thing = hosted(now) ? "a day, machines included" : inputs.failures === "drop" ? "per acceptable output" : "per request";
    const share = now.saving_share;
    if (share === null) return `${candidate} costs ${money(now.variants[inputs.candidate].effective_cost_per_request)} ${thing}`;
    const size = say.percent(Math.abs(share));
    if (size === "0%") return `${candidate} costs the same ${thing}`;
    return `${candidate} costs ${size} ${share > 0 ? "less" : "more"} ${thing}`;
  };

  const backClause = (now) => {
    if (!daily) {
      const rest = now.npv >= 0 ? `${money(now.npv)} are left over` : `${money(-now.npv)} are missing`;
      return `once the ${money(now.investment)} are spent, ${rest}`;
    }
    if (now.payback_days === null) return now.investment > 0 ? `the ${money(now.investment)} never come back` : "a day saves nothing";
    if (now.investment <= 0) return "nothing is to be spent first";
    const inTime = target() === null ? "" : `, ${now.payback_days <= target() ? "within" : "after"} the target of ${say.days(target())}`;
    return `the ${money(now.investment)} are back after ${say.days(now.payback_days)}${inTime}`;
  };

  const sentence = (now) => `At ${conditions()}, ${costClause(now)}; ${backClause(now)}.`;

  // Whether the money speaks for the candidate: paid back within the target, and a gain.
  const judgement = (now) => {
    const gain = daily ? `over ${say.days(now.horizon_days)}` : "over the whole batch";
    if (!(now.npv > 0)) {
      const lost = now.npv < 0 ? `${money(-now.npv)} are lost ${gain}` : `nothing is gained ${gain}`;
      return { tone: "stay", text: `At these numbers the money speaks against ${candidate}: ${lost}.` };
    }
    const late = now.payback_days === null || now.payback_days > target();
    if (daily && target() !== null && late) {
      return {
        tone: "open",
        text: `By the target the money speaks against ${candidate}, though ${money(now.npv)} are gained ${gain}.`,
      };
    }
    return { tone: "go", text: `At these numbers the money speaks for ${candidate}: ${money(now.npv)} are gained ${gain}.` };
  };

  // [what, how it reads from an account] of each row; the account of the run stands beside the changed one.
  const rowsOf = (now) => {
    const cost = (role) => [`${costWords} ${inputs[role]}`, (a) => money(a.variants[inputs[role]].effective_cost_per_request)];
    const rows = [cost("baseline"), cost("candidate")];
    if (hosted(before)) {
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

  return Object.freeze({ before, changes, judgement, rowsOf, sentence, tomlLines });
};
