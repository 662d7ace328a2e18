// Keeps "5 min ago" current, in the same words as the server's filter `ago`.
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const EVERY = 15000;

export function words(moment, now = Date.now()) {
  const seconds = (now - moment) / 1000;
  const length = Math.abs(seconds);
  if (length < 10) return "just now";
  const [size, name] = UNITS.find(([size]) => length >= size);
  const told = `${Math.floor(length / size)} ${name}`;
  return seconds > 0 ? `${told} ago` : `in ${told}`;
}

export function length(seconds) {
  if (seconds < 10) return `${Math.max(seconds, 0).toFixed(1)} s`;
  const parts = [];
  let left = Math.floor(seconds);
  for (const [size, name] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count || parts.length) parts.push([count, name]);
  }
  return parts.slice(0, 2).filter(([count]) => count).map(([count, name]) => `${count} ${name}`).join(" ");
}

export function keepCurrent() {
  setInterval(() => {
    for (const shown of document.querySelectorAll("time[data-ago]")) shown.textContent = words(Date.parse(shown.dateTime));
  }, EVERY);
}
