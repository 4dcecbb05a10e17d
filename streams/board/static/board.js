// Live without reload: when something was stored, the page is read again and its regions that differ are exchanged.
// Everything else on the board is links and forms, and works without this file.
"use strict";

const LEAST_MS = 1500; // between two readings: a busy engine stores something several times a second
const line = document.getElementById("live");
let known = null; // the version that this page shows
let wanted = false;
let reading = false;
let lastRead = 0;

function say(state, text) {
  if (line.dataset.state === state && line.querySelector(".say").textContent === text) return;
  line.dataset.state = state;
  line.querySelector(".say").textContent = text;
}

function keyOf(element) {
  if (!element || element === document.body) return null;
  const region = element.closest("[data-live]");
  if (!region) return null;
  const same = [...region.querySelectorAll(element.tagName)];
  const row = element.closest("[data-key]");
  return { region: region.id, tag: element.tagName, href: element.getAttribute("href"), key: row && row.dataset.key, n: same.indexOf(element) };
}

function focusAgain(was) {
  if (!was) return;
  const region = document.getElementById(was.region);
  if (!region || region.contains(document.activeElement)) return;
  const all = [...region.querySelectorAll(was.tag)];
  const found =
    all.find((one) => was.key && one.closest("[data-key]")?.dataset.key === was.key && one.getAttribute("href") === was.href) ??
    all.find((one) => was.href && one.getAttribute("href") === was.href) ?? all[was.n];
  if (found) found.focus({ preventScroll: true });
}

// What scrolls by itself, by the region that it is in and what it is called there: a table that is new must not take its place.
function placeOf(element) {
  return [element.closest("[data-live]")?.id, element.className, element.getAttribute("aria-label")].join("|");
}

function exchange(old, fresh) {
  const open = new Set([...old.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  const seen = new Set([...old.querySelectorAll("li[data-key]")].map((one) => one.dataset.key));
  const scrolled = new Map([...old.querySelectorAll(".scroll, .tall, .feed")].map((one) => [placeOf(one), [one.scrollLeft, one.scrollTop]]));
  const focused = old.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  old.replaceChildren(...fresh.childNodes);
  for (const one of old.querySelectorAll("details")) if (open.has(one.dataset.key)) one.open = true;
  for (const one of old.querySelectorAll(".feed li")) if (!seen.has(one.dataset.key)) one.classList.add("fresh");
  for (const one of old.querySelectorAll(".scroll, .tall, .feed")) {
    const at = scrolled.get(placeOf(one));
    if (at) [one.scrollLeft, one.scrollTop] = at;
  }
  focusAgain(focused);
}

// Two texts of one region differ only where something changed: opened details and marks of freshness are not in it.
const texts = new Map();
for (const region of document.querySelectorAll("[data-live]")) texts.set(region.id, region.innerHTML);

async function read() {
  if (reading) return;
  reading = true;
  wanted = false;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.redirected) return location.reload();
    if (answer.status === 503) return say("away", "ClickHouse is away");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (document.querySelector("[data-away]")) return location.reload();
    const fresh = [...page.querySelectorAll("[data-live]")];
    const main = document.getElementById("main");
    const differ = fresh.map((one) => one.id).join() !== [...document.querySelectorAll("[data-live]")].map((one) => one.id).join();
    // A region came or went: everything is exchanged, unless somebody is about to choose a filter, who comes first.
    if (differ && !document.activeElement?.closest("form.filters") && !document.querySelector("form.waiting")) {
      for (const one of fresh) texts.set(one.id, one.innerHTML);
      exchange(main, page.getElementById("main"));
      prepare(main);
    } else for (const one of fresh) {
      const old = document.getElementById(one.id);
      if (!old || texts.get(one.id) === one.innerHTML) continue;
      texts.set(one.id, one.innerHTML);
      exchange(old, one);
    }
    document.documentElement.dataset.read = String(Number(document.documentElement.dataset.read ?? 0) + 1);
  } catch {
    say("waiting", "Reconnecting");
  } finally {
    reading = false;
    lastRead = Date.now();
  }
}

function soon() {
  wanted = true;
  if (document.hidden) return; // read when somebody looks again
  setTimeout(() => wanted && !document.hidden && read(), Math.max(0, LEAST_MS - (Date.now() - lastRead)));
}

function follow() {
  const source = new EventSource("/live");
  source.addEventListener("fresh", (event) => {
    say("live", "Live");
    if (known !== null && known !== event.data) soon();
    if (known === null && document.querySelector("[data-away]")) soon();
    known = event.data;
  });
  source.addEventListener("away", () => {
    say("away", "ClickHouse is away");
    known = known ?? "";
  });
  source.onerror = () => say("waiting", "Reconnecting");
  addEventListener("pagehide", () => source.close());
}

// On a closed list an arrow key changes the value at once, on the way to the one that is meant. Only a pointer chooses by
// changing; after anything else the choice waits for Enter, or for the button that appears.
function prepare(root) {
  for (const form of root.querySelectorAll("form.filters")) {
    let pointed = null;
    let changed = "";
    form.classList.add("quick");
    form.addEventListener("pointerdown", (event) => (pointed = event.target.closest("select")));
    form.addEventListener("keydown", (event) => {
      pointed = null;
      if (event.key !== "Enter" || !event.target.matches("select") || !form.classList.contains("waiting")) return;
      event.preventDefault();
      form.requestSubmit();
    });
    form.addEventListener("change", (event) => {
      changed = event.target.name;
      if (!event.target.matches("select")) return;
      if (event.target === pointed) form.requestSubmit();
      else form.classList.add("waiting");
    });
    form.addEventListener("submit", () => {
      sessionStorage.setItem("field", document.activeElement.name || changed);
      for (const field of form.elements) if (field.value === "") field.disabled = true; // a short address
    });
  }
}

// The page that comes with a filter takes up where the one before it was left.
function fieldAgain() {
  const name = sessionStorage.getItem("field");
  sessionStorage.removeItem("field");
  if (name) document.querySelector("form.filters")?.elements.namedItem(name)?.focus();
}

prepare(document);
fieldAgain();
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const field of document.querySelectorAll("form.filters :disabled")) field.disabled = false;
  location.reload(); // out of the back-forward cache: what it shows is old
});
document.addEventListener("visibilitychange", () => !document.hidden && wanted && soon());
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
  event.preventDefault();
  document.getElementById("find").focus();
});
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});
follow();
