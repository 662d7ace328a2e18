// The fields of forms, as parts/form.html makes them: which are shown, and what the server says against them beside them.

let added = 0;

// Puts each error beside its field; what belongs to none is told for the whole form. Gives whether all found a place.
export function mark(form, error) {
  clear(form);
  let first = null;
  const rest = [];
  for (const each of error.errors ?? []) {
    const field = fieldAt(form, each.loc);
    if (!field || !told(field, each.message)) rest.push(each.message);
    else first ??= field;
  }
  if (!error.errors?.length) rest.push(error.message);
  first?.focus();
  const place = form.querySelector("[data-form-wrong]");
  if (place && rest.length) write(place, rest.join(" "));
  return !rest.length || Boolean(place);
}

export function clear(form) {
  for (const place of form.querySelectorAll(".wrong")) write(place, "");
  for (const field of form.elements) field.removeAttribute("aria-invalid");
}

// An error in the middle of a value, such as body.payload.options.formats.0, belongs to the field that holds it.
function fieldAt(form, loc) {
  for (let end = loc.length; end > 1; end -= 1) {
    const name = loc.slice(1, end).join(".");
    const field = [...form.elements].find((each) => each.name === name && !each.matches(":disabled"));
    if (field) return field;
  }
  return null;
}

function told(field, message) {
  // What stands for a whole row has its errors beside one of the row's fields: data-wrong names it.
  const at = field.dataset.wrong ?? field.id;
  const place = document.getElementById(`${at}-wrong`);
  if (!place) return false;
  document.getElementById(at).setAttribute("aria-invalid", "true");
  write(place, [place.textContent, message].filter(Boolean).join(" "));
  return true;
}

function write(place, text) {
  place.textContent = text;
  place.hidden = !text;
}

// A value at its place: payload.message is { payload: { message } }, columns.0.name is { columns: [{ name }] }.
export function put(found, name, value) {
  const steps = name.split(".");
  const inside = (place, step, at) => (place[step] ??= /^\d+$/.test(steps[at + 1]) ? [] : {});
  steps.slice(0, -1).reduce(inside, found)[steps.at(-1)] = value;
}

// <tr data-each="columns"> is one of a list: its fields have data-part instead of a name. Those that count are numbered just before
// they are sent, so that the server's columns.2.name is the third row that counts. An empty data-part is what the other parts are
// put into. A box with data-value-of stands for that part.
export function number(form) {
  const counted = {};
  for (const row of form.querySelectorAll("[data-each]")) {
    const parts = [...row.querySelectorAll("[data-part]")];
    const nth = parts.some((part) => part.disabled) ? null : (counted[row.dataset.each] = (counted[row.dataset.each] ?? -1) + 1);
    for (const part of parts) part.name = nth === null ? "" : [row.dataset.each, nth, part.dataset.part].filter((step) => step !== "").join(".");
    for (const box of row.querySelectorAll("[data-value-of]")) box.value = row.querySelector(`[data-part="${box.dataset.valueOf}"]`).value.trim();
  }
}

// One more of a list: the row in <template id="ID"> for <button data-add="ID">, put behind those that are there.
function add(button) {
  const row = document.getElementById(button.dataset.add).content.firstElementChild.cloneNode(true);
  added += 1;
  for (const part of row.querySelectorAll("[id]")) part.id += `-${added}`;
  for (const part of row.querySelectorAll("[aria-describedby]")) part.setAttribute("aria-describedby", `${part.id}-wrong`);
  for (const part of row.querySelectorAll(".wrong")) part.id = `${part.previousElementSibling.id}-wrong`;
  button.form.querySelector("[data-each]").parentElement.append(row);
  row.querySelector("[data-part]").focus();
}

// A row whose box data-takes is not checked does not count.
function take(box) {
  for (const field of box.closest("[data-each]").querySelectorAll("[data-part], [data-value-of]")) field.disabled = !box.checked;
}

// <fieldset data-when="kind=package"> counts only while the field `kind` of its form says so.
function unfold(form) {
  for (const part of form.querySelectorAll("fieldset[data-when]")) {
    const [name, wanted] = part.dataset.when.split("=");
    const shown = new FormData(form).get(name) === wanted;
    part.hidden = !shown;
    part.disabled = !shown;
  }
}

export function fold() {
  document.addEventListener("change", (event) => {
    if (event.target.form) unfold(event.target.form);
    if (event.target.matches("[data-takes]")) take(event.target);
  });
  document.addEventListener("htmx:afterSwap", unfoldAll);
  unfoldAll();
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    const adder = event.target.closest("button[data-add]");
    if (adder) add(adder);
    if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  });
}

function unfoldAll() {
  for (const form of document.forms) unfold(form);
  // A browser that goes back to a form has its boxes as they were left.
  for (const box of document.querySelectorAll("[data-takes]")) take(box);
}
