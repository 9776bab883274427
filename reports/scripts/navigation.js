// The rail of sections: the one that is being read is marked.
(() => {
  "use strict";
  const links = [...document.querySelectorAll(".rail a")];
  const link = new Map(links.map((a) => [a.hash.slice(1), a]));
  const parts = [...document.querySelectorAll("section.part")];
  if (!parts.length || !("IntersectionObserver" in window)) return;
  const inside = new Set();
  const mark = () => {
    const first = parts.find((part) => inside.has(part));
    const current = link.get(first ? first.id : "top");
    for (const a of links) {
      if (a === current) a.setAttribute("aria-current", "true");
      else a.removeAttribute("aria-current");
    }
  };
  // A section is read while it covers the line a third down the window.
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) inside.add(entry.target);
      else inside.delete(entry.target);
    }
    mark();
  }, { rootMargin: "-33% 0px -66% 0px" });
  for (const part of parts) watch.observe(part);
})();
