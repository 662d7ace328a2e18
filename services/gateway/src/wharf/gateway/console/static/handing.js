// Files handed in on a page: a request for each, one after the other, each with its bar. One alone leads to its job; of several the list
// stays. A request and not fetch(): only it tells how much has gone.
import { fieldsOf } from "./calls.js";
import { clear, mark } from "./fields.js";
import { say } from "./messages.js";
import { beneath } from "./places.js";

const LOOK = "look";

export function handIn() {
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-hand-in]");
    if (!form) return;
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return;
    clear(form);
    form.setAttribute("aria-busy", "true");
    window.addEventListener("beforeunload", keep);
    try {
      await sendAll(form, event.submitter?.value === LOOK);
    } finally {
      window.removeEventListener("beforeunload", keep);
      form.removeAttribute("aria-busy");
    }
  });
}

// Which columns no header brings yet, while a mapping is being made; as long as there are some nothing is imported.
export function tellMissing() {
  document.addEventListener("change", ({ target }) => { if (target.form) missingIn(target.form); });
  document.addEventListener("submit", (event) => { if (missingIn(event.target).length) refuse(event); }, true);
  document.addEventListener("htmx:afterSwap", tellAll);
  // The browser fills a form that one comes back to.
  window.addEventListener("pageshow", tellAll);
}

function tellAll() {
  for (const form of document.forms) missingIn(form);
}

function missingIn(form) {
  const place = form.querySelector("[data-needed]");
  if (!place) return [];
  const brought = new Set([...form.querySelectorAll("[data-of]")].map((each) => each.value));
  const missing = place.dataset.needed.split(" ").filter((name) => name && !brought.has(name));
  place.hidden = !missing.length;
  place.querySelector("span").textContent = missing.join(", ");
  return missing;
}

function refuse(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
  const place = event.target.querySelector("[data-needed]");
  say(place.textContent.trim(), "failed");
  place.scrollIntoView({ block: "center" });
}

// Who leaves the page ends what is being sent.
function keep(event) {
  event.preventDefault();
}

async function sendAll(form, look) {
  const { files } = form.elements.file;
  const list = document.getElementById("sent");
  for (const file of files) {
    const line = lineOf(list, file);
    try {
      const told = await send(form, file, look, line.bar);
      const place = look ? `/files/${told.upload_id}` : `/jobs/${told.job_id}`;
      if (files.length === 1) return go(place);
      line.done(place, look ? "See what it is" : "See its job");
    } catch (error) {
      line.failed(error.message);
      // What is wrong with a field is wrong for all files.
      if (error.errors) return mark(form, error);
    }
  }
  form.elements.file.value = "";
}

function go(place) {
  window.removeEventListener("beforeunload", keep);
  window.location.assign(beneath(place));
}

function lineOf(list, file) {
  const line = list.appendChild(document.createElement("li"));
  const name = line.appendChild(document.createElement("span"));
  name.textContent = file.name;
  const bar = line.appendChild(document.createElement("progress"));
  bar.setAttribute("aria-label", `Sending ${file.name}`);
  const end = (element, text) => {
    element.textContent = text;
    bar.replaceWith(element);
  };
  return {
    bar,
    done(place, words) {
      const link = document.createElement("a");
      link.href = beneath(place);
      end(link, words);
    },
    failed(message) {
      const words = document.createElement("span");
      words.className = "wrong";
      end(words, message);
    },
  };
}

function send(form, file, look, bar) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fieldsOf(form))) if (value !== null && value !== false) body.append(name, value);
  if (look) body.append("start", "false");
  body.append("file", file);
  const request = new XMLHttpRequest();
  request.open("POST", beneath("/api/v1/uploads"));
  request.responseType = "json";
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRF-Token", document.querySelector('meta[name="wharf-proof"]').content);
  request.upload.addEventListener("progress", ({ loaded, total }) => { bar.value = total ? loaded / total : 0; });
  return new Promise((resolve, reject) => {
    request.addEventListener("load", () => {
      const told = request.response;
      if (request.status === 401) go("/login?next=/files");
      if (request.status < 400 && told) resolve(told);
      else reject(Object.assign(new Error(told?.detail ?? `The server answered ${request.status}.`), { errors: told?.errors }));
    });
    request.addEventListener("error", () => reject(new Error("The connection broke, or the file cannot be read any more. Send it again.")));
    request.send(body);
  });
}
