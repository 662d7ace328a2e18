// The fields of forms, as parts/form.html makes them: which are shown, and what the server says against them beside them.

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
  const place = document.getElementById(`${field.id}-wrong`);
  if (!place) return false;
  field.setAttribute("aria-invalid", "true");
  write(place, [place.textContent, message].filter(Boolean).join(" "));
  return true;
}

function write(place, text) {
  place.textContent = text;
  place.hidden = !text;
}

// A value at its place: payload.message is { payload: { message } }.
export function put(found, name, value) {
  const steps = name.split(".");
  const last = steps.pop();
  const inner = steps.reduce((place, step) => (place[step] ??= {}), found);
  inner[last] = value;
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
  document.addEventListener("change", (event) => { if (event.target.form) unfold(event.target.form); });
  document.addEventListener("htmx:afterSwap", unfoldAll);
  unfoldAll();
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  });
}

function unfoldAll() {
  for (const form of document.forms) unfold(form);
}
