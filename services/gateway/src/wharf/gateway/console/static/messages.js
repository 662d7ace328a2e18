// What came of something, told beside the page and to readers of screens; and a question before something is done.
const SECONDS = 8;

export function say(text, tone = "completed") {
  const box = document.createElement("div");
  box.className = `notice ${tone}`;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "plain";
  close.textContent = "Close";
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  const messages = document.querySelector("#messages");
  // What goes wrong again and again is told once.
  [...messages.children].find((told) => told.firstElementChild.textContent === text)?.remove();
  messages.append(box);
  if (tone !== "failed") setTimeout(() => box.remove(), SECONDS * 1000);
}

export function ask(title, text, yes) {
  const dialog = document.querySelector("#confirm");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("[data-confirm-text]").textContent = text;
  dialog.querySelector("[data-confirm-yes]").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
