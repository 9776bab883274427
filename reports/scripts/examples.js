(() => {
  "use strict";
  const box = document.querySelector(".filters");
  if (!box) return;
  const cards = [...document.querySelectorAll(".card")];
  const buttons = [...box.querySelectorAll("button")];
  const rule = box.querySelector("select");
  const shown = box.querySelector("output");
  let only = false;
  const apply = () => {
    let count = 0;
    for (const card of cards) {
      const differs = card.dataset.kind === "lost" || card.dataset.kind === "won";
      const broken = rule.value === "" || JSON.parse(card.dataset.checks).includes(rule.value);
      card.hidden = (only && !differs) || !broken;
      count += card.hidden ? 0 : 1;
    }
    shown.textContent = count + " shown";
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      only = button.value === "differences";
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      apply();
    });
  }
  rule.addEventListener("change", apply);
  box.hidden = false;
  apply();
})();
