// Rows that are chosen: kept while the list is loaded anew, counted, and done something to together.
import { isBusy, perform } from "./calls.js";

const chosen = new Set();

export function choose() {
  document.addEventListener("change", (event) => {
    if (event.target.matches('.pick input')) note(event.target);
    if (event.target.matches("[data-choose-all]")) all(event.target.checked);
  });
  document.addEventListener("htmx:afterSwap", restore);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-bulk]");
    if (button && !isBusy(button)) bulk(button);
    if (event.target.closest("[data-choose-none]")) { chosen.clear(); restore(); }
  });
  restore();
}

export function isChosen() {
  return chosen.size > 0;
}

export function toggle(row) {
  const box = row?.querySelector(".pick input");
  if (!box) return;
  box.checked = !box.checked;
  note(box);
}

function note(box) {
  if (box.checked) chosen.add(box.value);
  else chosen.delete(box.value);
  show();
}

function all(checked) {
  for (const box of document.querySelectorAll(".pick input")) {
    box.checked = checked;
    note(box);
  }
}

function restore() {
  for (const box of document.querySelectorAll(".pick input")) box.checked = chosen.has(box.value);
  show();
}

function show() {
  const bar = document.querySelector("[data-chosen]");
  if (!bar) return;
  bar.hidden = chosen.size === 0;
  bar.querySelector("[data-chosen-count]").textContent = `${chosen.size} chosen`;
}

// The bar's buttons: what is counted first, and then done, is what was chosen.
async function bulk(button) {
  const body = { action: button.dataset.bulk, filter: { job_ids: [...chosen] } };
  button.dataset.count = JSON.stringify({ ...body, dry_run: true });
  button.dataset.call = "POST /api/v1/jobs/bulk";
  if (await perform(button, body)) { chosen.clear(); restore(); }
  delete button.dataset.call;
}
