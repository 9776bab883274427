// The texts of the examples, read without the numbers of their marks and compared word by word.
const exampleText = (() => {
  "use strict";
  const MOST_WORDS = 400; // per side, without the common start and end; the time grows with the product of both sides
  // Numbers with separators and units; single characters of scripts without spaces; words; any other single character.
  const alone = "\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}";
  const token = new RegExp(`\\p{N}+(?:[.,]\\p{N}+)*[\\p{L}\\p{N}\\p{M}_]*|[${alone}]\\p{M}*|(?:(?![${alone}])[\\p{L}\\p{N}\\p{M}_])+|\\S`, "gu");

  const nodes = (element) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT, {
      acceptNode: (node) => (node.parentElement.closest("sup") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT),
    });
    const found = [];
    while (walker.nextNode()) found.push(walker.currentNode);
    return found;
  };
  const plain = (element) =>
    element.classList.contains("empty") ? "" : nodes(element).map((node) => node.data).join("");
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const words = (text) => [...text.matchAll(token)].map((found) => [found[0], found.index]);

  // The words of each side that are not in their longest common subsequence.
  const odd = (first, second) => {
    const wide = second.length + 1;
    const longest = new Uint16Array((first.length + 1) * wide);
    for (let i = first.length - 1; i >= 0; i -= 1) {
      for (let j = second.length - 1; j >= 0; j -= 1) {
        const at = i * wide + j;
        longest[at] = first[i][0] === second[j][0]
          ? longest[at + wide + 1] + 1 : Math.max(longest[at + wide], longest[at + 1]);
      }
    }
    const left = [];
    const right = [];
    let i = 0;
    let j = 0;
    while (i < first.length && j < second.length) {
      if (first[i][0] === second[j][0]) { i += 1; j += 1; }
      else if (longest[(i + 1) * wide + j] >= longest[i * wide + j + 1]) left.push(first[i++]);
      else right.push(second[j++]);
    }
    return [left.concat(first.slice(i)), right.concat(second.slice(j))];
  };
  // Words as [start, end) spans of the text; adjacent words form one span.
  const pieces = (text, found) => {
    const spans = [];
    for (const [word, start] of found) {
      const last = spans[spans.length - 1];
      if (last && !text.slice(last[1], start).trim()) last[1] = start + word.length;
      else spans.push([start, start + word.length]);
    }
    return spans;
  };
  // The spans of each text that the other lacks; null if the texts are too long to compare.
  const differences = (one, two) => {
    let first = words(one);
    let second = words(two);
    let same = 0;
    while (same < first.length && same < second.length && first[same][0] === second[same][0]) same += 1;
    first = first.slice(same);
    second = second.slice(same);
    while (first.length && second.length && first[first.length - 1][0] === second[second.length - 1][0]) {
      first.pop();
      second.pop();
    }
    if (first.length > MOST_WORDS || second.length > MOST_WORDS) return null;
    const [left, right] = odd(first, second);
    return [pieces(one, left), pieces(two, right)];
  };
  // The similarity of two texts, 0 to 1: twice the number of common words over the number of all words.
  const similarity = (one, two) => {
    const counts = new Map();
    const first = words(one);
    const second = words(two);
    for (const [word] of first) counts.set(word, (counts.get(word) || 0) + 1);
    let common = 0;
    for (const [word] of second) {
      const left = counts.get(word) || 0;
      if (left) { common += 1; counts.set(word, left - 1); }
    }
    return first.length + second.length ? (2 * common) / (first.length + second.length) : 1;
  };
  // Marks the spans in the element. It only splits text nodes, so text can never become markup.
  const mark = (element, spans) => {
    let at = 0;
    let next = 0;
    for (const node of nodes(element)) {
      const { data } = node;
      const parts = [];
      let done = 0;
      while (next < spans.length && spans[next][0] < at + data.length) {
        const from = Math.max(spans[next][0] - at, 0);
        const to = Math.min(spans[next][1] - at, data.length);
        const piece = document.createElement("ins");
        piece.textContent = data.slice(from, to);
        parts.push(data.slice(done, from), piece);
        done = to;
        if (spans[next][1] > at + data.length) break;
        next += 1;
      }
      if (parts.length) node.replaceWith(...parts, data.slice(done));
      at += data.length;
    }
  };
  const unmark = (element) => {
    for (const piece of element.querySelectorAll("ins")) piece.replaceWith(...piece.childNodes);
    element.normalize();
  };
  return Object.freeze({ plain, fold, differences, similarity, mark, unmark });
})();
