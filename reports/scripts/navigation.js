// Marks the current section in the navigation, opens what a link leads into, opens folded parts for printing, and makes
// tables that overflow their box scrollable by keyboard.
(() => {
  "use strict";
  const links = [...document.querySelectorAll(".rail a")];
  const link = new Map(links.map((a) => [a.hash.slice(1), a]));
  const anchor = (part) => part.id || part.querySelector(".unfolded").id;
  const parts = [...document.querySelectorAll("section.part")];
  const inside = new Set();
  const mark = () => {
    const first = parts.find((part) => inside.has(part));
    const current = link.get(first ? anchor(first) : "top");
    for (const a of links) {
      if (a === current) a.setAttribute("aria-current", "true");
      else a.removeAttribute("aria-current");
    }
  };
  // A section is current while it covers the line a third down the window.
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) inside.add(entry.target);
      else inside.delete(entry.target);
    }
    mark();
  }, { rootMargin: "-33% 0px -66% 0px" });
  for (const part of parts) observer.observe(part);

  // Browsers open the part that encloses the target of a link; this is for those that do not yet.
  const closed = (element) => element && element.closest("details:not([open])");
  const open = () => {
    let name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch { /* not encoded */ }
    const target = document.getElementById(name);
    if (!closed(target)) return;
    for (let part = closed(target); part; part = closed(part)) part.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  // A link to the address that is open already changes nothing that a listener would hear of.
  document.addEventListener("click", (event) => {
    const a = event.target.closest && event.target.closest("a[href^='#']");
    if (a && a.hash === location.hash) open();
  });
  open();

  const everything = document.getElementById("everything");
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = everything && everything.checked ? [...document.querySelectorAll(".fold:not([open])")] : [];
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of opened) part.open = false; });

  // The nearest heading before a table, which becomes its label.
  const title = (box) => {
    const part = box.closest("section, main") || document.body;
    const headings = [...part.querySelectorAll("h2, h3, figcaption")].filter(
      (heading) => heading.compareDocumentPosition(box) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    return headings.length ? headings[headings.length - 1].textContent.trim() : "Table";
  };
  const sized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) {
        target.tabIndex = 0;
        target.setAttribute("role", "group");
        target.setAttribute("aria-label", title(target));
      } else {
        for (const name of ["tabindex", "role", "aria-label"]) target.removeAttribute(name);
      }
    }
  });
  for (const box of document.querySelectorAll(".scroll:not([tabindex])")) sized.observe(box);
})();
