// Numbers written for people, as reports/numbers.py writes them; a test compares the two.
const numberWords = (() => {
  "use strict";
  const NBSP = "\u00a0";
  const MINUS = "\u2212";
  const UNKNOWN = "not measured";
  const NUDGE = 1e-12;
  const FINEST = 4;

  const grouped = (text) => {
    const [whole, decimals] = text.split(".");
    const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return decimals === undefined ? spaced : `${spaced}.${decimals}`;
  };

  // Python's f"{value:,.{digits}f}": an exact half goes to the even digit, where toFixed goes up.
  const rounded = (value, digits) => {
    const size = Math.abs(value);
    const places = Math.min(digits, 100);
    let text = size >= 1e21 ? BigInt(size).toString() + (places ? `.${"0".repeat(places)}` : "") : size.toFixed(places);
    if (size < 1e21 && places < 99) {
      const [, all] = size.toFixed(100).split(".");
      const half = /^50*$/.test(all.slice(places));
      const last = Number(text.at(-1));
      if (half && last % 2 === 1) {
        // toFixed went up to an odd digit: the even one is below it.
        text = text.slice(0, -1) + String(last - 1);
      }
    }
    return (value < 0 || Object.is(value, -0) ? "-" : "") + grouped(text);
  };

  // numbers._nudged
  const nudged = (value) => (Math.abs(value) < 1e9 ? value * (1 + NUDGE) : value);

  // numbers._fixed
  const fixed = (value, digits) => {
    let text = rounded(nudged(value), digits);
    const [whole, decimals] = text.split(".");
    if (decimals !== undefined && /^0*$/.test(decimals)) text = whole;
    return text === "-0" ? "0" : text;
  };

  // numbers._money_digits
  const moneyDigits = (value, digits = 3, decimals = null) => {
    if (value === 0) return "0";
    if (value < 1) return rounded(value, digits - 1 - Number(value.toExponential(digits - 1).split("e")[1]));
    const size = nudged(value);
    if (decimals !== null) return rounded(size, decimals);
    return size < 10000 ? rounded(size, 2).replace(/\.00$/, "") : rounded(size, 0);
  };

  const percent = (share, digits = 1) => {
    if (share === null) return UNKNOWN;
    let places = digits;
    let text = fixed(share * 100, places);
    // What is neither none nor all never reads 0 % or 100 %.
    while (/^-?(0|100)$/.test(text) && Math.abs(share - Math.round(share)) > NUDGE && places < FINEST) {
      places += 1;
      text = fixed(share * 100, places);
    }
    return `${text.replace("-", MINUS)}${NBSP}%`;
  };

  const count = (number) => {
    if (number === null) return UNKNOWN;
    const text = Math.abs(number) < 100 && !Number.isInteger(number) ? fixed(number, 1) : rounded(number, 0);
    return text.replace("-", MINUS);
  };

  // numbers.shared_decimals: the decimals of a column's sums from one unit up
  const sharedDecimals = (values) => {
    const sizes = values.filter((value) => value !== null && Math.abs(value) >= 1).map(Math.abs);
    const whole = sizes.every((size) => Math.abs(size - Math.round(size)) < 0.005);
    return whole || (Math.max(...sizes) >= 10000 && Math.min(...sizes) >= 50) ? 0 : 2;
  };

  const amount = (value, currency, decimals = null) => {
    if (value === null) return UNKNOWN;
    const text = moneyDigits(Math.abs(value), 3, decimals);
    return `${value < 0 && /[^0.]/.test(text) ? MINUS : ""}${text}${NBSP}${currency}`;
  };

  const days = (value) => {
    if (value === null) return "never";
    if (value > 36525) return `more than 100${NBSP}years`;
    if (value > 730) return `${fixed(value / 365.25, 1)}${NBSP}years`;
    const text = fixed(value, value < 100 ? 1 : 0);
    return `${text}${NBSP}day${text === "1" ? "" : "s"}`;
  };

  // numbers.plain: six digits at most, or twelve decimals of what is very small; never an exponent; + 0 makes a plain 0 of -0
  const plain = (value) => {
    const size = Math.abs(value);
    if (size > 0 && size < 1e-4) return rounded(value, 12).replace(/\.?0+$/, "").replace("-", MINUS);
    const options = Number.isInteger(value) && size < 1e15 ? {} : { maximumSignificantDigits: 6 };
    return (value + 0).toLocaleString("en-US", options).replace("-", MINUS);
  };

  return Object.freeze({ NBSP, amount, count, days, percent, plain, sharedDecimals });
})();
