// Formats numbers like core/numbers.py does for a page; a test compares the two.
const numberWords = (() => {
  "use strict";
  const NBSP = "\u00a0";
  const MINUS = "\u2212";
  const UNKNOWN = "not measured";
  const NUDGE = 1e-12;
  const LARGE = 1e9;
  const TINY = 1e-9;
  const HUGE = 1e15;
  const YEAR = 365.25;

  const grouped = (text) => {
    const [whole, decimals] = text.split(".");
    const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return decimals === undefined ? spaced : `${spaced}.${decimals}`;
  };

  // Python's f"{size:,.{places}f}" for non-negative numbers: an exact half rounds to even, where toFixed rounds up.
  const rounded = (size, places) => {
    let text = size.toFixed(places);
    const [, all] = size.toFixed(100).split(".");
    const last = Number(text.at(-1));
    // toFixed rounded up to an odd digit; the even digit is one below.
    if (/^50*$/.test(all.slice(places)) && last % 2 === 1) text = text.slice(0, -1) + String(last - 1);
    return grouped(text);
  };

  // numbers._nudged
  const nudged = (size) => (size < LARGE ? size * (1 + NUDGE) : size);

  // numbers._trimmed
  const trimmed = (text, least = 0) => {
    const [whole, decimals = ""] = text.split(".");
    const kept = decimals.slice(0, least) + decimals.slice(least).replace(/0+$/, "");
    return kept === "" ? whole : `${whole}.${kept}`;
  };

  // numbers._significant
  const significant = (size, digits, least = 0) => {
    if (size === 0) return "0";
    const [mantissa, exponent] = (size * (1 + NUDGE)).toExponential(digits - 1).split("e").map((part) => part.replace("+", ""));
    if (size < TINY || size >= HUGE) return `${trimmed(mantissa)}e${exponent}`;
    return trimmed(rounded(nudged(size), Math.max(digits - 1 - Number(exponent), 0)), least);
  };

  // numbers._fixed
  const fixed = (size, places) => (size < HUGE ? trimmed(rounded(nudged(size), places)) : significant(size, 3));

  // numbers._plain
  const whole = (size) => (size >= 100 && size < HUGE ? rounded(nudged(size), 0) : significant(size, 3));

  const signed = (value, text) => (value < 0 && /[^0.]/.test(text) ? MINUS + text : text);
  const known = (value) => value !== null && Number.isFinite(value);

  const percent = (share) => {
    if (!known(share)) return UNKNOWN;
    const size = Math.abs(share);
    const sign = share < 0 ? MINUS : "";
    const away = Math.min(size, Math.abs(1 - size)); // from none or all
    const most = size > 0.5;
    if (away <= NUDGE) return most ? `${sign}100%` : "0%";
    if (away < 1e-4 - NUDGE) {
      const more = most ? size < 1 : share < 0;
      return `${more ? ">" : "<"}${sign}${most ? (size < 1 ? "99.99" : "100.01") : "0.01"}%`;
    }
    const places = away >= 0.01 - NUDGE ? 0 : away >= 0.001 - NUDGE ? 1 : 2;
    return `${sign}${fixed(100 * size, places)}%`;
  };

  const count = (number) => (known(number) ? signed(number, whole(Math.abs(number))) : UNKNOWN);

  const money = (amount, currency) => {
    if (!known(amount)) return UNKNOWN;
    const size = Math.abs(amount);
    const text = size > 0 && size < 0.9995 ? significant(size, 3, 2)
      : size >= 999.995 ? whole(size) : rounded(nudged(size), 2).replace(/\.00$/, "");
    return `${signed(amount, text)}${NBSP}${currency}`;
  };

  const days = (number) => {
    if (number === null || !(number < Infinity)) return "never";
    const size = Math.abs(number);
    if (size > 100 * YEAR) return `more than 100${NBSP}years`;
    const [value, unit] = size >= 2 * YEAR ? [size / YEAR, "year"] : [size, "day"];
    if (value > 0 && value < 0.05) return `less than 0.1${NBSP}days`;
    const text = fixed(value, value >= 9.95 - 1e-9 ? 0 : 1);
    return `${signed(number, text)}${NBSP}${unit}${text === "1" ? "" : "s"}`;
  };

  const stated = (value) => {
    if (!known(value)) return value === null ? "\u2013" : UNKNOWN;
    const size = Math.abs(value);
    return signed(value, Number.isInteger(value) && size < HUGE ? grouped(String(size)) : significant(size, 6));
  };
  const statedShare = (share) => `${stated(Number((100 * share).toPrecision(4)))}%`;

  return Object.freeze({ NBSP, count, days, money, percent, stated, statedShare });
})();
