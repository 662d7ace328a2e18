// The console's own script: it wires the modules to the page. Nothing here makes markup of a text.
import { enliven } from "./live.js";
import { listen } from "./calls.js";
import { attend } from "./keyboard.js";
import { choose } from "./choice.js";
import { fold as foldForms } from "./fields.js";
import { copy } from "./copying.js";
import { handIn, tellMissing } from "./handing.js";
import { say } from "./messages.js";
import { beneath } from "./places.js";
import { keepCurrent } from "./times.js";

document.body.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = document.querySelector('meta[name="wharf-proof"]').content;
  // An address holds only what a filter says.
  const { parameters } = event.detail;
  for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
});

// What cannot be loaded leaves the page as it was, and is said: by the answer's own sentence, where there is one.
document.body.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
  const told = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector(".error p")?.textContent;
  say(`This could not be loaded. ${told ?? `The server answered ${xhr.status}.`}`, "failed");
});
document.body.addEventListener("htmx:sendError", () => say("This could not be loaded: the server does not answer.", "retrying"));

const narrow = window.matchMedia("(max-width: 56rem)");
const menu = document.querySelector(".menu");
const fold = () => { if (menu) menu.open = !narrow.matches; };
narrow.addEventListener("change", fold);
fold();

document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `wharf_theme=${root.dataset.theme}; path=${beneath("") || "/"}; max-age=31536000; SameSite=Lax`;
});

listen();
handIn();
tellMissing();
foldForms();
choose();
attend();
copy();
keepCurrent();
enliven();
