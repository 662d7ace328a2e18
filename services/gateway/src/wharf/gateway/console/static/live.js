// Live events: one stream a page, its place named by data-live. Texts are set as texts. The browser resumes a broken stream with
// the id of the last event; a page that nobody sees lets go of its stream, and begins again with a picture of now.
import { beneath } from "./places.js";
import { length } from "./times.js";

const TYPES = ["queued", "running", "progress", "log", "retrying", "cancelling", "completed", "failed", "cancelled"];
const ENDS = ["completed", "failed", "cancelled"];
const AGAIN = 3000;
const REFRESH = 1500;
const UNSEEN = 2000;
const WORDS = { on: "Live", lost: "Reconnecting", ended: "Ended" };
const figures = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

const LIVE = '[data-status="queued"], [data-status="running"], [data-status="retrying"], [data-status="cancelling"]';

let source = null;
let opened = false;
let complete = false;
let refreshed = 0;
let waiting = null;
let asked = 0;
const begun = new WeakMap();

export function enliven() {
  connect();
  // A job that is tried again has a stream again.
  document.addEventListener("htmx:afterSwap", connect);
  document.addEventListener("htmx:beforeRequest", ({ detail }) => begun.set(detail.xhr, asked));
  document.addEventListener("htmx:afterSwap", ({ detail }) => { if (asked > begun.get(detail.xhr)) refresh(); });
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
}

function region() {
  return document.querySelector("[data-live]");
}

// What has ended is loaded anew by nobody: somebody may be filling in a form in it.
function isOver() {
  return region()?.dataset.liveEnded === "true";
}

function connect() {
  const { live: place, liveEnded } = region()?.dataset ?? {};
  if (!place || liveEnded === "true" || source || document.hidden) return;
  complete = false;
  source = new EventSource(beneath(place));
  source.addEventListener("open", begin);
  source.addEventListener("error", lost);
  for (const type of TYPES) source.addEventListener(`job.${type}`, (event) => take(type, JSON.parse(event.data)));
}

// A stream begins with what is not over: what ended since the page was made, or while nobody heard it, the server knows.
function begin() {
  if (isOver()) return over();
  tell("on");
  if (opened || document.querySelector(LIVE)) refresh();
  opened = true;
}

function disconnect() {
  source?.close();
  source = null;
}

function over() {
  disconnect();
  tell("ended");
}

// The server ends a job's stream after its last event, maybe before the page is made anew.
function lost() {
  if (complete || isOver()) return over();
  tell("lost");
  if (source?.readyState === EventSource.CLOSED) {
    // Refused: there is no room, or the session is over, and then the list's answer leads to the log-in.
    disconnect();
    setTimeout(() => { connect(); refresh(); }, AGAIN);
  }
}

function tell(state) {
  const shown = document.querySelector("[data-live-state]");
  if (!shown) return;
  shown.hidden = false;
  shown.dataset.liveState = state;
  shown.querySelector("[data-live-words]").textContent = WORDS[state];
}

function take(type, job) {
  if (type === "log") return write(job);
  if (ENDS.includes(type) && region()?.dataset.job === job.job_id) complete = true;
  const shown = document.querySelector(`[data-job="${CSS.escape(job.job_id)}"]`);
  if (shown) draw(shown, job);
  if (shown ? shown.dataset.status !== job.status : isNews(job)) refresh();
}

function draw(shown, job) {
  const { progress } = job;
  put(shown, "percent", `${Math.floor(progress.percent)} %`);
  put(shown, "amount", amount(progress));
  put(shown, "rate", progress.rate ? `${figures.format(progress.rate)} ${progress.unit}/s` : "");
  put(shown, "eta", progress.eta_seconds ? `${length(progress.eta_seconds)} left` : "");
  put(shown, "message", progress.message || progress.stage);
  const bar = shown.querySelector('[data-field="bar"]');
  if (bar) bar.value = progress.percent;
  if (shown.dataset.stage !== undefined && shown.dataset.stage !== progress.stage) refresh();
}

function amount({ current, total, unit }) {
  if (total) return `${figures.format(current)} / ${figures.format(total)} ${unit}`;
  return current ? `${figures.format(current)} ${unit}` : "";
}

function put(shown, field, text) {
  const place = shown.querySelector(`[data-field="${field}"]`);
  if (place && place.textContent !== text) place.textContent = text;
}

// A job that the page does not show: whether something happened to it since the page was made, or so shortly before that the
// page may not know. A job's times are those of the ledger's clock, some moments before the transaction ends and they are seen.
function isNews(job) {
  const since = Date.parse(region()?.dataset.shownAt ?? "") - UNSEEN;
  return [job.created_at, job.started_at, job.finished_at, job.cancel_requested_at].some((at) => at && Date.parse(at) >= since);
}

// Lists are made on the server: asked for again, not more often than every so many milliseconds. An answer that is under way
// may be older than what it is wanted for, and what is asked of the part that it replaces is lost: then it is asked once more.
function refresh() {
  asked += 1;
  if (waiting) return;
  const every = Number(region()?.dataset.every ?? REFRESH);
  const wait = Math.max(0, refreshed + every - Date.now());
  waiting = setTimeout(() => {
    waiting = null;
    refreshed = Date.now();
    if (isOver()) return;
    if (!document.querySelector("dialog[open]")) region()?.dispatchEvent(new CustomEvent("wharf:moved"));
    else refresh();
  }, Math.max(wait, 50));
}

// At once, by who just changed something. Not of the part that their button is in: it may have been replaced meanwhile.
export function renew() {
  asked += 1;
  document.querySelector("[data-region]")?.dispatchEvent(new CustomEvent("wharf:moved"));
}

// One line of a job's log, as jobs/job.html writes it.
function write(line) {
  const log = document.querySelector("[data-log]");
  const pattern = document.querySelector("template[data-line]");
  if (!log || !pattern || log.querySelector(`[data-id="${CSS.escape(String(line.id))}"]`)) return;
  const item = pattern.content.firstElementChild.cloneNode(true);
  item.dataset.id = line.id;
  item.classList.add(line.level);
  put(item, "at", new Date(line.at).toISOString().slice(11, 19));
  put(item, "level", line.level);
  put(item, "event", [line.event, ...Object.entries(line.fields ?? {}).map(([name, value]) => `${name}=${JSON.stringify(value)}`)].join(" "));
  const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 24;
  log.append(item);
  document.querySelector("[data-no-lines]")?.remove();
  log.hidden = false;
  if (follows) log.scrollTop = log.scrollHeight;
}
