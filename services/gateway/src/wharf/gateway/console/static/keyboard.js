// j k x Enter c r / ? on every list whose rows can have the focus.
import { isChosen, toggle } from "./choice.js";

const rows = () => [...document.querySelectorAll("tbody tr[tabindex]")];
const current = () => document.activeElement?.closest?.("tbody tr[tabindex]");

const KEYS = {
  j: () => go(1),
  k: () => go(-1),
  x: () => toggle(current()),
  Enter: () => open(),
  c: () => press("c", "cancel"),
  r: () => press("r", "retry"),
  "/": () => document.querySelector("[data-search]")?.focus(),
  "?": () => document.querySelector("#keys-help")?.showModal(),
};

export function attend() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && event.target.matches("[data-search]")) {
      event.preventDefault(); // browsers empty the field, and the list that was just found would be gone
      event.target.blur();
      return;
    }
    if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    // A link or a button that has the focus does with Enter what it always does.
    if (event.key === "Enter" && event.target.closest("a, button, summary, input")) return;
    if (!KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  // A list that is loaded anew keeps the row that had the focus.
  let kept = null;
  document.addEventListener("htmx:beforeSwap", () => { kept = current()?.id ?? null; });
  document.addEventListener("htmx:afterSwap", () => { if (kept) document.getElementById(kept)?.focus(); });
}

function go(by) {
  const all = rows();
  const at = all.indexOf(current());
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function open() {
  current()?.querySelector("[data-open]")?.click();
}

function press(key, action) {
  const bar = isChosen() && document.querySelector(`[data-bulk="${action}"]`);
  // Nothing of another row: what has the focus, or the one job that the page is about.
  const place = current() ?? document.querySelector("[data-region][data-job]");
  (bar || place?.querySelector(`[data-key="${key}"]`))?.click();
}
