// The curve of the gain by volume, drawn like reports/charts: same classes, same round ticks.
const gainCurve = (() => {
  "use strict";
  const HEIGHT = 170; // pixels
  const LETTER = 6.6; // average width of a character of a tick, as in charts/plot.py
  const SVG = "http://www.w3.org/2000/svg";

  const node = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // axes._round_step
  const roundStep = (rough) => {
    const power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * (1 - 1e-9)) ?? 10 * power;
  };

  // axes.linear_axis, zero included
  const linearTicks = (values) => {
    let low = Math.min(0, ...values);
    let high = Math.max(0, ...values);
    if (!(high - low > 1e-280)) [low, high] = [-0.5, 0.5];
    const step = roundStep((high - low) / 5);
    const first = Math.floor(low / step + 1e-9);
    const last = Math.ceil(high / step - 1e-9);
    return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  };

  // axes.log_axis: powers of ten
  const logTicks = (low, high) => {
    const first = Math.ceil(Math.log10(low) - 1e-9);
    const last = Math.floor(Math.log10(high) + 1e-9);
    const every = 1 + Math.floor((last - first) / 4);
    const found = [];
    for (let power = first; power <= last; power += every) found.push(10 ** power);
    return found;
  };

  const bare = (value) => {
    const rounded = Number(value.toPrecision(12));
    const text = Math.abs(rounded) >= 1e15 ? rounded.toExponential(0) : rounded.toLocaleString("en-US", { maximumSignificantDigits: 6 });
    return text.replace("-", "\u2212");
  };

  // plot._flag_words: the text of each flag has its own line, on the side with more room
  const flagOf = (flag, place) => {
    const line = document.createElement("i");
    line.className = "flagline";
    line.style.left = `${place}%`;
    const words = document.createElement("p");
    const side = place < 50 ? "left" : "right";
    words.className = `flagwords ${side}`;
    words.style[side === "left" ? "marginLeft" : "marginRight"] = `${side === "left" ? place : 100 - place}%`;
    words.textContent = flag.text;
    return [line, words];
  };

  // box: where to draw; lines: [{role, values}] over `volumes`; flags: [{x, text}].
  const draw = (box, volumes, lines, flags, countWords) => {
    const low = volumes[0];
    const high = volumes.at(-1);
    const span = Math.log10(high) - Math.log10(low);
    const x = (value) => Number(Math.min(100, Math.max(0, (100 * (Math.log10(value) - Math.log10(low))) / span)).toFixed(3));
    const ticks = linearTicks(lines.flatMap((line) => line.values));
    const bottom = ticks[0];
    const top = ticks.at(-1);
    const y = (value) => Number((100 - (100 * (value - bottom)) / (top - bottom)).toFixed(3));
    const pixel = (value) => (HEIGHT * y(value)) / 100;
    const labels = ticks.map(bare);
    const width = Math.round(Math.max(...labels.map((label) => label.length)) * LETTER) + 10;
    const full = HEIGHT + 22;

    const left = node("svg", { class: "ylabels", width, height: full, "aria-hidden": "true" });
    const drawn = node("svg", { width: "100%", height: full, "aria-hidden": "true" });
    ticks.forEach((tick, i) => {
      left.append(node("text", { class: "tick", x: width - 8, y: pixel(tick) + 4, "text-anchor": "end" }, labels[i]));
      drawn.append(node("line", { class: tick === 0 ? "zero" : "grid", x1: 0, x2: "100%", y1: pixel(tick), y2: pixel(tick) }));
    });
    const stretched = node("svg", {
      width: "100%", height: HEIGHT, viewBox: "0 0 100 100", preserveAspectRatio: "none", overflow: "visible",
    });
    for (const line of lines) {
      const steps = volumes.map((volume, i) => `${i ? "L" : "M"}${x(volume)} ${y(line.values[i])}`);
      const attributes = { class: `curve r-${line.role}`, d: steps.join(" "), "vector-effect": "non-scaling-stroke" };
      stretched.append(node("path", attributes));
    }
    drawn.append(stretched);
    for (const tick of logTicks(low, high)) {
      const place = x(tick);
      const anchor = place < 4 ? "start" : place > 96 ? "end" : "middle";
      drawn.append(node("text", { class: "tick", x: `${place}%`, y: HEIGHT + 17, "text-anchor": anchor }, countWords(tick)));
    }
    const area = document.createElement("div");
    area.className = "area";
    area.append(...flags.flatMap((flag) => flagOf(flag, x(flag.x))), drawn);
    box.replaceChildren(left, area);
  };

  return Object.freeze({ draw, linearTicks });
})();
