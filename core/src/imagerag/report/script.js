"use strict";
const form = document.getElementById("filters");
const count = document.getElementById("count");
const list = document.getElementById("cards");
const cards = Array.from(list.children, (element) => ({
  element,
  words: element.querySelector("h2").textContent.toLowerCase(),
  outcome: element.dataset.outcome,
  decided: (element.dataset.decided || "").split(" | "),
  score: element.dataset.score === undefined ? null : Number(element.dataset.score),
  number: Number(element.dataset.number),
  seconds: Number(element.dataset.seconds),
}));

function bound(value, missing) {
  const number = parseFloat(value);
  return Number.isNaN(number) ? missing : number;
}

function shows(card, wanted) {
  if (wanted.outcome && card.outcome !== wanted.outcome) return false;
  if (wanted.decided && !card.decided.includes(wanted.decided)) return false;
  if (wanted.words && !wanted.words.every((word) => card.words.includes(word))) return false;
  if (wanted.scored && card.score === null) return false;
  if (card.score !== null && (card.score < wanted.least || card.score > wanted.most)) return false;
  return true;
}

const orders = {
  number: (a, b) => a.number - b.number,
  "score-up": (a, b) => (a.score ?? Infinity) - (b.score ?? Infinity) || a.number - b.number,
  "score-down": (a, b) => (b.score ?? -Infinity) - (a.score ?? -Infinity) || a.number - b.number,
  slow: (a, b) => b.seconds - a.seconds || a.number - b.number,
};
let ordered = "number";

function apply() {
  const given = Object.fromEntries(new FormData(form));
  const wanted = {
    outcome: given.outcome,
    decided: given.decided,
    words: given.words.toLowerCase().split(/\s+/).filter(Boolean),
    least: bound(given.least, -Infinity),
    most: bound(given.most, Infinity),
    scored: given.least !== "" || given.most !== "",
  };
  let shown = 0;
  for (const card of cards) {
    const show = shows(card, wanted);
    card.element.hidden = !show;
    shown += show ? 1 : 0;
  }
  if (given.order !== ordered) {
    ordered = given.order;
    list.append(...[...cards].sort(orders[ordered]).map((card) => card.element));
  }
  count.textContent = `${shown} of ${cards.length} shown`;
  const kept = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
  if (kept.get("order") === "number") kept.delete("order");
  history.replaceState(null, "", kept.size ? `#${kept}` : location.pathname);
}

for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
  if (form.elements[name]) form.elements[name].value = value;
}
form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("reset", () => setTimeout(apply));
form.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    form.elements.words.focus();
  } else if (event.key === "Escape" && typing) {
    event.target.blur();
  } else if ((event.key === "j" || event.key === "k") && !typing) {
    const visible = Array.from(list.children).filter((element) => !element.hidden);
    const at = visible.indexOf(document.activeElement.closest("article"));
    const next = visible[event.key === "j" ? at + 1 : Math.max(0, at - 1)];
    if (next) next.focus();
  }
});
apply();
