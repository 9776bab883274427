// A field of the what-if form: a text box and a slider that move together, around the run's number.
const whatIfField = (() => {
  "use strict";
  const STEPS = 1000;
  const say = numberWords;

  // "0,10", "12 000", "1,000.50", "1.000,50" and "38%" as numbers; null for anything else.
  const readNumber = (text) => {
    let found = text.replace(/[\s\u00a0\u202f'\u2019]/g, "").replace(/%$/, "").replace("\u2212", "-");
    if (/^-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/.test(found)) found = found.replaceAll(",", "");
    else if (/^-?[1-9]\d{0,2}(\.\d{3})+,\d+$/.test(found)) found = found.replaceAll(".", "").replace(",", ".");
    else if (/^-?[1-9]\d{0,2}(\.\d{3}){2,}$/.test(found)) found = found.replaceAll(".", "");
    else found = found.replace(",", ".");
    return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?$/i.test(found) ? Number(found) : null;
  };

  // Converts between values and slider positions.
  const makeScale = ({ value, least, most, low, high, log }) => {
    const placeOf = (v) => {
      const at = log ? Math.log(Math.max(v, low) / low) / Math.log(high / low) : (v - low) / (high - low);
      return Math.round(STEPS * Math.min(1, Math.max(0, at)));
    };
    // Values from the slider have three digits; its mark gives the run's exact number.
    const valueAt = (place) => {
      const at = place / STEPS;
      const raw = log ? low * (high / low) ** at : low + (high - low) * at;
      return place === placeOf(value) ? value : Math.min(most, Math.max(least, Number(raw.toPrecision(3))));
    };
    return { placeOf, valueAt };
  };

  // The problem with a number as a sentence; "" if it is valid.
  const problemOf = (v, { share, least, most }) => {
    if (v === null) return "Enter a number, such as 0.10 or 1,000.";
    if (v < 0) return "Enter a number that is not negative.";
    if (v > most) return `Enter at most ${share ? "100%" : say.count(most)}.`;
    if (v < least) return least < 1 ? "Enter a number above 0." : `Enter at least ${say.count(least)}.`;
    return "";
  };

  // `set` sets the value, `offer` a text from the address; `changed` is called when a person changes the field.
  const make = (element, changed) => {
    const { key, part, name, unit, text } = element.dataset;
    const about = { share: "share" in element.dataset, log: "log" in element.dataset };
    for (const each of ["value", "least", "most", "low", "high"]) about[each] = Number(element.dataset[each]);
    const scale = about.share ? 100 : 1;
    const { placeOf, valueAt } = makeScale(about);
    const box = element.querySelector("input[type=text]");
    const slider = element.querySelector("input[type=range]");
    const wrong = element.querySelector(".wrong");
    const undo = element.querySelector(".undo");
    const field = { key, part, name, own: about.value, value: about.value };

    const show = (problem) => {
      wrong.hidden = problem === "";
      wrong.textContent = problem;
      if (problem === "") box.removeAttribute("aria-invalid");
      else box.setAttribute("aria-invalid", "true");
      slider.value = String(placeOf(field.value));
      slider.setAttribute("aria-valuetext", about.share ? say.statedShare(field.value) : `${say.stated(field.value)} ${unit}`);
      undo.hidden = field.value === field.own && problem === "";
      element.classList.toggle("changed", field.value !== field.own);
    };
    // As a person would type it: no exponent, no separators, no rounding noise.
    const typed = (v) => (v * scale).toLocaleString("en-US", { maximumSignificantDigits: 12, useGrouping: false });
    field.set = (v) => {
      field.value = v;
      box.value = v === field.own ? text : typed(v);
      show("");
    };
    // An invalid text changes nothing.
    field.offer = (raw) => {
      const v = readNumber(raw);
      if (problemOf(v, about) === "") field.set(v);
    };
    box.addEventListener("input", () => {
      const v = readNumber(box.value);
      const problem = problemOf(v === null ? null : v / scale, about);
      if (problem === "") field.value = box.value === text ? field.own : v / scale;
      show(problem);
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

  return Object.freeze({ make, readNumber });
})();
