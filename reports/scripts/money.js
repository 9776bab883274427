// The money formulas of evaluate/money, without access to the page. Each function names the Python function it mirrors.
// A test runs both on hundreds of settings. Numbers are floats; null is never, none, or unknown, as in results.json.
// `inputs` is `money.formula_inputs` of results.json.
const moneyFormulas = (() => {
  "use strict";
  const DAYS_A_MONTH = 30.4375;
  const MOST_MACHINES = 1000; // account.MOST_MACHINES
  const CURVE_POINTS = 25; // account.CURVE_POINTS
  const TOKENS = ["fixed_tokens", "input_tokens", "output_tokens"];
  const PRICES = ["price_input", "price_cached", "price_cache_write", "price_output"];

  // formulas.cost_per_request
  const costPerRequest = (o) => {
    const missedPrice = o.cached_share > 0 ? Math.max(o.price_cache_write, o.price_input) : o.price_input;
    const missed = o.fixed_tokens * (1 - o.cached_share) * missedPrice;
    const cached = o.fixed_tokens * o.cached_share * o.price_cached;
    const read = Math.min(o.cached_tokens, o.input_tokens); // of the request, beyond the fixed prompt
    const fresh = (o.input_tokens - read) * o.price_input;
    const content = fresh + read * o.price_cached + o.output_tokens * o.price_output;
    const own = (missed + cached + content) / 1e6 + o.per_request;
    return o.second === null ? own : own + o.sent * costPerRequest(o.second);
  };

  // formulas.expected_calls, in a form that keeps precision for a tiny acceptance
  const expectedCalls = (acceptance, tries) =>
    acceptance === 0 ? tries : -Math.expm1(tries * Math.log1p(-acceptance)) / acceptance;

  // formulas.calls_per_need
  const callsPerNeed = (acceptance, failures, tries) => {
    if (failures === "ignore" || failures === "repair") return 1;
    if (acceptance === null) return null;
    if (failures === "retry") return expectedCalls(acceptance, tries);
    return acceptance === 0 ? null : 1 / acceptance;
  };

  // formulas.failing_share
  const failingShare = (acceptance, failures, tries) => (1 - acceptance) ** (failures === "retry" ? tries : 1);

  // formulas.calls_of
  const callsOf = (o, plan) =>
    plan.failures === "retry" && o.extra_calls !== null && o.acceptance !== null
      ? 1 + (1 - o.acceptance) * o.extra_calls
      : callsPerNeed(o.acceptance, plan.failures, plan.tries);

  // formulas.failing_of
  const failingOf = (o, plan) => {
    if (o.acceptance === null) return null;
    if (plan.failures === "retry" && o.rescued !== null) return (1 - o.acceptance) * (1 - o.rescued);
    return failingShare(o.acceptance, plan.failures, plan.tries);
  };

  // request.loss
  const lossOf = (o, plan) => {
    const form = plan.failure_cost ?? 0;
    if ((plan.facts_failure_cost ?? null) === null || o.wrong_facts === null || o.acceptance === 1) return form;
    return form + Math.min(o.wrong_facts / (1 - o.acceptance), 1) * (plan.facts_failure_cost - form);
  };

  // formulas.effective_cost_of and options.effective_of
  const effectiveCost = (o, plan) => {
    const calls = o === null ? null : callsOf(o, plan);
    if (calls === null) return null;
    if (plan.failures === "ignore" || plan.failures === "drop") return costPerRequest(o) * calls;
    const failing = failingOf(o, plan);
    return failing === null ? null : costPerRequest(o) * calls + failing * lossOf(o, plan);
  };

  // formulas.machine_cost_per_day
  const machineCostPerDay = (o, requestsPerDay, calls = 1) => {
    const reached = requestsPerDay === null ? null : requestsPerDay * o.sent;
    const more = o.second === null ? 0 : machineCostPerDay(o.second, reached, calls);
    if (o.hourly === 0) return more;
    let replicas = o.min_replicas;
    if (requestsPerDay !== null && o.requests_per_second !== null) {
      const needed = (requestsPerDay * calls * o.peak_factor) / 86400 / o.requests_per_second;
      // Round down float noise above a whole number, which would add a machine.
      replicas = Math.max(replicas, Math.ceil(needed - 1e-9));
    }
    return 24 * o.hourly * replicas + more;
  };

  const byTheHour = (o) => o.hourly !== 0 || (o.second !== null && byTheHour(o.second));

  // formulas.ramped_days
  const rampedDays = (days, ramp) => (days < ramp ? (days * days) / (2 * ramp) : days - ramp / 2);

  // formulas.payback_days
  const paybackDays = (investment, gross, running, ramp = 0) => {
    const saving = gross - running;
    if (!(saving > 0)) return null;
    if (investment <= 0) return 0;
    const after = (investment + (gross * ramp) / 2) / saving;
    if (ramp === 0 || after >= ramp) return after;
    const growth = gross / ramp;
    const root = running * running + 2 * growth * investment;
    if (growth === 0 || root < 0) return after;
    // Two forms of the same root; the second keeps precision if machines are saved.
    return running > 0 ? (running + Math.sqrt(root)) / growth : (2 * investment) / (Math.sqrt(root) - running);
  };

  // formulas.net_present_value
  const netPresentValue = (plan, gross, running) => {
    const monthly = plan.discount_rate ? (1 + plan.discount_rate) ** (1 / 12) : 1;
    let value = -plan.investment;
    for (let start = 0, factor = 1; start < plan.horizon_days; ) {
      const end = Math.min(start + DAYS_A_MONTH, plan.horizon_days);
      factor *= monthly;
      const full = rampedDays(end, plan.ramp_days) - rampedDays(start, plan.ramp_days);
      value += (gross * full - running * (end - start)) / factor;
      start = end;
    }
    return value;
  };

  // formulas.break_even_volume
  const breakEvenVolume = (plan, running, saved) => {
    if (!(saved > 0) || !(plan.horizon_days > 0)) return null;
    const full = rampedDays(plan.horizon_days, plan.ramp_days);
    return Math.max((plan.investment + running * plan.horizon_days) / (saved * full), 0);
  };

  // formulas.break_even_fixed_tokens; the cost of one token is that of a prompt with one token
  const breakEvenFixedTokens = (baseline, spend, calls) => {
    const alone = { ...baseline, input_tokens: 0, output_tokens: 0, per_request: 0, fixed_tokens: 1, second: null };
    const token = costPerRequest(alone) * calls;
    if (!(token > 0)) return null;
    const found = baseline.fixed_tokens + (spend[1] - spend[0]) / token;
    // Slightly below 0 is 0: float noise of the difference of two equal numbers.
    return found >= -1e-12 * baseline.fixed_tokens ? Math.max(found, 0) : null;
  };

  // formulas.break_even_failure_cost
  const breakEvenFailureCost = (spend, failing, runningPerRequest) => {
    const fewer = failing[0] - failing[1];
    const dearer = spend[1] - spend[0] + runningPerRequest;
    return fewer > 0 && dearer > 0 ? dearer / fewer : null;
  };

  // options.read_plan
  const readPlan = (inputs) => ({
    ...inputs,
    horizon_days:
      inputs.days_to_retirement === null
        ? inputs.horizon_days
        : Math.min(inputs.horizon_days, inputs.days_to_retirement),
  });

  // options.in_lifetime
  const inLifetime = (days, plan) => {
    const left = plan.days_to_retirement;
    return days !== null && left !== null && days > left ? null : days;
  };

  // options.read_option
  const readOption = (v, plan) => {
    const option = readCall(v, plan);
    if (option === null || !v.second) return option;
    const second = readCall(v.second, plan);
    return second === null ? null : { ...option, sent: v.sent, second };
  };

  // One of the calls of an option; a cascade has two
  const readCall = (v, plan) => {
    const none = { cached_share: 0, cached_tokens: 0, per_request: 0, hourly: 0, min_replicas: 1, peak_factor: 1, sent: 0, second: null };
    for (const key of PRICES) none[key] = 0;
    const measured = {
      acceptance: v.acceptance, extra_calls: v.extra_calls, rescued: v.rescued, wrong_facts: v.wrong_facts ?? null,
    };
    const option = { ...none, ...measured, requests_per_second: null };
    for (const key of TOKENS) option[key] = v[key] ?? 0;
    if (v.free) return option;
    if (v.self_hosted) {
      option.requests_per_second = v.requests_per_second;
      if (plan.requests_total === null) {
        Object.assign(option, { hourly: v.hourly, min_replicas: v.min_replicas, peak_factor: v.peak_factor });
      } else if (v.requests_per_second) {
        option.per_request = v.hourly / (3600 * v.requests_per_second); // a batch pays for its machine only while it runs
      } else {
        return null;
      }
      if (!v.metered) return option;
    }
    if ([...TOKENS, "price_input", "price_output"].some((key) => v[key] === null)) return null;
    for (const key of PRICES) option[key] = v[key] ?? v.price_input;
    if (v.price_cached_unknown) option.price_cached = v.price_input / 2;
    const tooShort = v.cached_share_stated && v.fixed_tokens < v.min_cached_tokens;
    return { ...option, cached_share: tooShort ? 0 : (v.cached_share ?? 0), cached_tokens: v.cached_tokens ?? 0 };
  };

  const readPair = (inputs, plan) =>
    [inputs.baseline, inputs.candidate].map((name) => readOption(inputs.variants[name], plan));

  // options.figures, for both sides at once
  const figures = (pair, plan) => {
    const effective = pair.map((o) => effectiveCost(o, plan));
    const machines = pair.map((o) => (o === null ? 0 : machineCostPerDay(o, plan.requests_per_day, callsOf(o, plan) ?? 1)));
    const running = plan.upkeep_per_day + machines[1] - machines[0];
    const volume = plan.requests_per_day;
    const spend = effective.map((each, i) => (each === null || volume === null ? null : volume * each + machines[i]));
    const found = {
      cost: pair.map((o) => (o === null ? null : costPerRequest(o))), effective, machines, spend, running,
      saved: null, share: null, perDay: null, payback: null, total: null, npv: null,
    };
    const [before, after] = effective;
    if (before === null || after === null) return found;
    const saved = before - after;
    let share = before === 0 ? null : saved / before;
    if (machines[0] !== 0 || machines[1] !== 0) share = !spend[0] || spend[1] === null ? null : 1 - spend[1] / spend[0];
    Object.assign(found, { saved, share });
    if (plan.requests_total !== null) {
      const total = plan.requests_total * saved;
      return Object.assign(found, { total, npv: total - plan.investment });
    }
    if (volume === null) return found;
    const gross = volume * saved;
    return Object.assign(found, {
      perDay: gross - running,
      payback: inLifetime(paybackDays(plan.investment, gross, running, plan.ramp_days), plan),
      npv: netPresentValue(plan, gross, running),
    });
  };

  // account._volume: dedicated machines of the candidate scale with the volume
  const volumeThreshold = (pair, plan, point) => {
    if (point.saved === null || plan.requests_total !== null) return null;
    const at = (running) => breakEvenVolume(plan, running, point.saved);
    const candidate = pair[1];
    const calls = candidate === null ? null : callsOf(candidate, plan);
    if (candidate === null || !byTheHour(candidate) || calls === null || point.machines[0] > 0) return at(point.running);
    let volume = at(plan.upkeep_per_day + machineCostPerDay(candidate, null));
    for (let step = 0; step < MOST_MACHINES; step += 1) {
      const needed =
        volume === null ? null : at(plan.upkeep_per_day + machineCostPerDay(candidate, volume, calls));
      if (needed === volume || needed === Infinity) return needed === Infinity ? null : volume;
      volume = needed;
    }
    return null; // each additional machine costs more than its requests save
  };

  // account._failure_cost
  const failureCostThreshold = (pair, plan, point) => {
    if (plan.failures === "drop" || (plan.facts_failure_cost ?? null) !== null || pair.some((o) => o === null || o.acceptance === null)) return null;
    const running = plan.requests_total === null ? point.running : 0;
    if (running && !plan.requests_per_day) return null;
    const spend = pair.map((o) => costPerRequest(o) * (callsOf(o, plan) ?? 1));
    const failing = pair.map((o) => failingOf(o, plan) ?? 0);
    return breakEvenFailureCost(spend, failing, running ? running / plan.requests_per_day : 0);
  };

  // account._fixed_tokens
  const fixedTokensThreshold = (pair, plan, point) => {
    if (pair[0] === null || point.effective.some((each) => each === null)) return null;
    const calls = callsOf(pair[0], plan);
    return calls === null ? null : breakEvenFixedTokens(pair[0], point.effective, calls);
  };

  // The gain at each of these volumes, as in account._volume_curve.
  const curveAt = (pair, plan, volumes) =>
    volumes.map((volume) => {
      const at = figures(pair, { ...plan, requests_per_day: volume });
      return { requests_per_day: volume, payback_days: at.payback, npv: at.npv };
    });

  // account._volume_curve
  const curveVolumes = (today, star) => {
    const marks = [today, star].filter((mark) => mark);
    if (marks.length === 0) return [];
    const low = Math.log10(Math.min(...marks) / 10);
    const high = Math.log10(Math.max(...marks) * 10);
    return Array.from({ length: CURVE_POINTS }, (_, i) =>
      Number((10 ** (low + ((high - low) * i) / (CURVE_POINTS - 1))).toPrecision(6)));
  };

  // account.point_account: the figures under their names in results.json
  const account = (inputs) => {
    const plan = readPlan(inputs);
    const pair = readPair(inputs, plan);
    const point = figures(pair, plan);
    const star = volumeThreshold(pair, plan, point);
    const daily = plan.requests_total === null;
    const variants = [inputs.baseline, inputs.candidate].map((name, i) => [name, {
      cost_per_request: point.cost[i],
      cost_per_acceptable_output:
        point.cost[i] !== null && pair[i].acceptance ? point.cost[i] / pair[i].acceptance : null,
      effective_cost_per_request: point.effective[i],
      machine_cost_per_day: pair[i] === null ? null : point.machines[i],
    }]);
    return {
      variants: Object.fromEntries(variants),
      saving_per_request: point.saved,
      saving_share: point.share,
      saving_per_day: point.perDay,
      saving_total: point.total,
      spend_per_day_baseline: point.spend[0],
      spend_per_day_candidate: point.spend[1],
      running_cost_per_day: daily ? point.running : null,
      investment: plan.investment,
      horizon_days: daily ? plan.horizon_days : null,
      payback_days: point.payback,
      npv: point.npv,
      requests_to_pay_back: point.saved !== null && point.saved > 0 ? plan.investment / point.saved : null,
      break_even_requests_per_day: star,
      break_even_failure_cost: failureCostThreshold(pair, plan, point),
      break_even_fixed_tokens: fixedTokensThreshold(pair, plan, point),
      volume_curve:
        daily && point.saved !== null ? curveAt(pair, plan, curveVolumes(plan.requests_per_day, star)) : [],
    };
  };

  // The gain with these inputs at given volumes, so that two curves can share an axis.
  const gainAt = (inputs, volumes) => {
    const plan = readPlan(inputs);
    return curveAt(readPair(inputs, plan), plan, volumes).map((point) => point.npv);
  };

  // The inputs with changes, as `tuneworth roi` would read them from the project file. A change is
  // {part: "plan", "baseline" or "candidate", name: the key there, value}.
  const changedInputs = (inputs, changes) => {
    const found = { ...inputs, variants: { ...inputs.variants } };
    const owner = (name) => inputs.variants[name].prices_like ?? name;
    const shared = owner(inputs.baseline) === owner(inputs.candidate);
    const prices = new Set(changes.filter((c) => c.part === "candidate").map((c) => c.name));
    for (const { part, name, value } of changes) {
      if (part === "plan") {
        if (name === "upkeep_per_month") found.upkeep_per_day = value / DAYS_A_MONTH;
        else found[name] = value;
        continue;
      }
      const variant = { ...found.variants[inputs[part]], [name]: value };
      if (name === "cached_share") {
        Object.assign(variant, { cached_share_stated: true, cached_tokens: null });
        variant.price_cached_unknown ||= value > 0 && variant.price_cached === null;
      }
      // The results of repeated outputs only apply to the measured acceptance.
      if (name === "acceptance") variant.extra_calls = variant.rescued = null;
      found.variants[inputs[part]] = variant;
      const other = found.variants[inputs.candidate];
      if (part === "baseline" && shared && PRICES.includes(name) && !prices.has(name)) {
        found.variants[inputs.candidate] = { ...other, [name]: value };
      }
    }
    return found;
  };

  return Object.freeze({
    DAYS_A_MONTH, account, breakEvenFailureCost, breakEvenFixedTokens, breakEvenVolume, callsOf, changedInputs,
    costPerRequest, curveVolumes, effectiveCost, expectedCalls, failingOf, figures, gainAt, machineCostPerDay,
    netPresentValue, paybackDays, rampedDays, readOption, readPlan,
  });
})();
