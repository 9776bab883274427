// Asks the server. Addresses are relative to the page's own, so that each carries the token.

// An answer other than the one asked for: a sentence for the person, the status (0 if there was no answer), and the
// row as it is now where it was decided elsewhere.
export class Refused extends Error {
  constructor(sentence, status, item = null) {
    super(sentence);
    this.status = status;
    this.item = item;
  }

  // Whether the same request may succeed later: the server is gone, broken, or its disk is full.
  get passing() { return this.status === 0 || this.status >= 500; }
}

const SILENT = "Tuneworth does not answer. Is `tuneworth review` still running?";

const ask = async (address, options) => {
  let answer;
  try {
    answer = await fetch(address, { cache: "no-store", credentials: "omit", redirect: "error", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(SILENT, 0);
  }
  const data = await answer.json().catch(() => null);
  if (answer.ok && data !== null) return data;
  throw new Refused(data?.error || `Tuneworth answered with an error (${answer.status}).`, answer.status || 500, data?.item);
};
export const get = (name, query = {}, options = {}) => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return ask(`api/${name}?${new URLSearchParams(given)}`, options);
};
export const post = (name, body, options = {}) =>
  ask(`api/${name}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), ...options,
  });
