// The console without this script works as well. With it, a page's marked parts (`data-live`, each with
// an id) are replaced every two seconds while the page is visible, times are told in the viewer's
// zone, and what can't be undone is asked in place.
"use strict";

const EVERY = 2000, LONGEST = 15000;
let wait = EVERY, pressed = false;

// A button that is being pressed stays where it is.
addEventListener("pointerdown", () => { pressed = true; });
addEventListener("pointerup", () => { pressed = false; });
addEventListener("pointercancel", () => { pressed = false; });

// --- times -----------------------------------------------------------------------------------------
const SAME_ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone === "UTC";
const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

function span(seconds) {
  const parts = [];
  let left = Math.max(0, Math.round(seconds));
  for (const [size, name] of UNITS) {
    const many = Math.floor(left / size);
    if (many || (size === 1 && !parts.length)) {
      parts.push(`${many} ${name}${many === 1 ? "" : "s"}`);
      left -= many * size;
    } else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

function tellTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]:not([data-relative], [data-told])")) {
    time.dataset.told = "";
    if (SAME_ZONE) continue;
    const at = new Date(time.dateTime), beside = document.createElement("small");
    const sameDay = at.getDate() === at.getUTCDate();
    beside.className = "quiet nowrap";
    beside.textContent = ` ${sameDay ? time.dateTime.slice(11, 16) + " UTC" : time.textContent}`;
    time.title = time.textContent;
    time.replaceChildren(LOCAL.format(at), beside);
  }
  tellRelative(within);
}

function tellRelative(within) {
  for (const time of within.querySelectorAll("time[data-relative]")) {
    const apart = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const words = Math.abs(apart) < 1 ? "now" : apart > 0 ? `${span(apart)} ago` : `in ${span(-apart)}`;
    if (time.textContent !== words) time.textContent = words;
    time.title = `${LOCAL.format(new Date(time.dateTime))} · ${time.dateTime.slice(0, 16).replace("T", " ")} UTC`;
  }
}

// --- live parts ------------------------------------------------------------------------------------
const told = document.getElementById("connection");

function tell(words) {
  if (!told) return;
  told.hidden = !words;
  if (told.textContent !== words) told.textContent = words;
}

// What the server says, without the words that only tell how long ago a time was.
function said(part) {
  const copy = part.cloneNode(true);
  for (const time of copy.querySelectorAll("time[data-relative]")) time.replaceChildren(), time.removeAttribute("title");
  return copy.innerHTML;
}

function replaceParts(fresh) {
  if (pressed) return;
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next || said(next) === part.saidByServer) continue;
    const active = document.activeElement;
    if (part.contains(active) && active.matches("input, select, textarea, summary")) continue;
    const kept = part.contains(active) ? active.id || active.getAttribute("href") : null;
    const opened = [...part.querySelectorAll("details[open][id]")].map((one) => one.id);
    next.saidByServer = said(next);
    part.replaceWith(next);
    opened.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    tellTimes(next);
    if (kept) (document.getElementById(kept) || next.querySelector(`[href="${CSS.escape(kept)}"]`))?.focus({ preventScroll: true });
  }
}

async function look() {
  try {
    const answer = await fetch(document.body.dataset.address, { redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect" || answer.status === 401) {
      tell("Your session has ended: load the page again to log in. Nothing that you have typed is lost while it is open.");
      return false;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
    tell("");
    wait = EVERY;
  } catch {
    tell("Rowpost does not answer just now: what you see may be old. Trying again.");
    wait = Math.min(wait * 2, LONGEST);
  }
  return true;
}

async function goOn() {
  const visible = document.visibilityState === "visible" && !document.querySelector("dialog[open]");
  if (!visible || await look()) setTimeout(goOn, wait);
}

// --- asking first ----------------------------------------------------------------------------------
const dialog = document.getElementById("sure");

document.addEventListener("submit", (event) => {
  const form = event.target, button = event.submitter;
  const question = button?.dataset.asks || form.dataset.asks;
  if (!question || form.elements.sure) return;
  event.preventDefault();
  document.getElementById("sure-text").textContent = question;
  document.getElementById("sure-yes").textContent = button?.dataset.yes || form.dataset.yes || "Yes";
  dialog.onclose = () => {
    if (dialog.returnValue !== "yes") return;
    const sure = document.createElement("input");
    sure.type = "hidden"; sure.name = "sure"; sure.value = "yes";
    form.append(sure);
    form.requestSubmit(button);
  };
  dialog.returnValue = "no";
  dialog.showModal();
});

// --- choosing several ------------------------------------------------------------------------------
document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-chooses]");
  if (all) document.querySelectorAll(`input[name="${all.dataset.chooses}"]`).forEach((box) => { box.checked = all.checked; });
});

for (const part of document.querySelectorAll("[data-live]")) part.saidByServer = said(part);
tellTimes(document);
setInterval(() => tellRelative(document), 1000);
if (document.querySelector("[data-live]")) setTimeout(goOn, EVERY);
