// What is shown once, such as a new key: copied with a button, and gone with the page, so that going back does not show it again.
import { say } from "./messages.js";

export function copy() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const place = document.getElementById(button.dataset.copy);
    if (await copied(place)) say("Copied.");
    else say("Your browser does not let pages copy here. It is selected: press Ctrl+C.", "retrying");
  });
  window.addEventListener("pagehide", forget);
}

// Without HTTPS there is no clipboard for pages: what is selected can be copied all the same.
async function copied(place) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(place.textContent);
      return true;
    } catch {
      // It was refused: the selection is left.
    }
  }
  window.getSelection().selectAllChildren(place);
  return document.execCommand("copy");
}

function forget() {
  for (const place of document.querySelectorAll("[data-told]")) {
    place.textContent = "";
    place.closest("[data-once]")?.setAttribute("hidden", "");
  }
}
