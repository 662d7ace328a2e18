// Buttons and forms that call the API: ask, call, say what came of it, load the region anew. See `action` in parts/macros.html.
import { clear, mark, number, put } from "./fields.js";
import { renew } from "./live.js";
import { ask, say } from "./messages.js";
import { beneath, here } from "./places.js";

const proof = () => document.querySelector('meta[name="wharf-proof"]').content;

export async function call(method, path, body) {
  const headers = { "X-CSRF-Token": proof(), Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(beneath(path), { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin" });
  const told = answer.status === 204 ? null : await answer.json();
  if (answer.status === 401) window.location.assign(beneath(`/login?next=${encodeURIComponent(here())}`));
  if (!answer.ok) throw Object.assign(new Error(told?.detail ?? "The server did not do it."), { errors: told?.errors });
  return told;
}

export function filled(text, told) {
  return text.replace(/\{(\w+)\}/g, (_, name) => String(told?.[name] ?? name));
}

async function count(element, method, path) {
  if (!element.dataset.count) return null;
  const told = await call(method, path, JSON.parse(element.dataset.count));
  return { ...told, n: told.matched };
}

export const isBusy = (element) => element.getAttribute("aria-busy") === "true";

// Gives what the API answered, or null where nothing was done.
export async function perform(element, body) {
  const [method, path] = element.dataset.call.split(" ");
  element.setAttribute("aria-busy", "true");
  try {
    const counted = await count(element, method, path);
    if (counted && !counted.n) {
      say("There is nothing that this could be done to.", "retrying");
      return null;
    }
    const { ask: question, yes } = element.dataset;
    if (question && !(await ask(element.textContent.trim(), filled(question, counted), yes ?? element.textContent.trim()))) return null;
    const given = body ?? (element.dataset.body ? JSON.parse(element.dataset.body) : undefined);
    const told = await followed(element, await call(method, path, given));
    say(filled(element.dataset.done ?? "Done.", told));
    if (element.dataset.go) window.location.assign(beneath(filled(element.dataset.go, told)));
    else renew();
    return told ?? {};
  } catch (error) {
    // A form stays as it was filled in, with what is wrong beside its fields.
    const isForm = element.matches("form");
    if (!isForm || !mark(element, error)) say(error.message, "failed");
    if (!isForm) renew();
    return null;
  } finally {
    element.removeAttribute("aria-busy");
  }
}

// What is called with the first answer, such as a look at a file by the profile that was just saved: both answers are told.
async function followed(element, told) {
  const { then, thenBody, thenFailed } = element.dataset;
  if (!then) return told;
  const [method, path] = filled(then, told).split(" ");
  try {
    return { ...told, ...(await call(method, path, JSON.parse(filled(thenBody, told)))) };
  } catch (error) {
    // What was called first is done: without that word somebody would do it again.
    throw new Error(`${thenFailed} ${error.message}`);
  }
}

// A form's fields as JSON: data-type says what a text stands for; an empty field is null, or left out with data-omit.
export function fieldsOf(form) {
  const found = {};
  number(form);
  for (const field of form.elements) {
    if (!field.name || "local" in field.dataset || field.matches(":disabled") || (field.type === "radio" && !field.checked)) continue;
    const value = valueOf(field);
    // A choice for one of many, such as a header's column: mapping is { header: column or null } of those that say something.
    // What the server does by itself is not said: so a column that is given to another header is free. No prototype: any name is one.
    if ("of" in field.dataset) {
      if (field.value !== field.dataset.itself) (found[field.name] ??= Object.create(null))[field.dataset.of] = field.value || null;
      continue;
    }
    // What is left out of payload.message still leaves a payload: an empty one is said, too.
    put(found, field.name, value === null && "omit" in field.dataset ? undefined : value);
  }
  return found;
}

function valueOf(field) {
  if (field.dataset.type === "each" || field.dataset.type === "some") return listOf(field);
  if (field.type === "checkbox") return field.checked;
  if (field.multiple) return [...field.selectedOptions].map((option) => option.value);
  const text = field.value.trim();
  if (text === "") return null;
  if (field.dataset.type === "number") return Number(text);
  if (field.dataset.type === "json") return parsed(field, text);
  if (field.dataset.type === "lines") return text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (field.dataset.type === "list") return text.split(/[\s,]+/).filter(Boolean);
  if (field.dataset.type === "time") return new Date(text).toISOString();
  return text;
}

// Boxes of one name are a list of those that are checked; with "some" none of them is null.
function listOf({ form, name, dataset }) {
  const chosen = [...form.elements].filter((each) => each.name === name && each.checked).map((each) => each.value);
  return dataset.type === "some" && !chosen.length ? null : chosen;
}

function parsed(field, text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = `This is no JSON: ${error.message}.`;
    throw Object.assign(new Error(message), { errors: [{ loc: ["body", ...field.name.split(".")], message }] });
  }
}

export function listen() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-call]");
    if (button && !isBusy(button)) perform(button);
  });
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-call]");
    if (!form) return;
    event.preventDefault();
    if (isBusy(form)) return;
    clear(form);
    let fields;
    try {
      fields = fieldsOf(form);
    } catch (error) {
      if (!mark(form, error)) say(error.message, "failed");
      return;
    }
    const told = await perform(form, fields);
    // What is shown once, such as a new key: an element with data-told="name" gets that field of the answer.
    if (told) for (const place of document.querySelectorAll("[data-told]")) show(place, told);
  });
}

function show(place, told) {
  if (!(place.dataset.told in told)) return;
  place.textContent = told[place.dataset.told];
  place.closest("[hidden]")?.removeAttribute("hidden");
  place.focus();
}
