// The API's pages: a form with `data-try` becomes a request, sent with the token of this tab; what comes
// back is shown as text below it.
"use strict";

const KEPT = "rowpost-api-token", MOST_SHOWN = 200000;
const tokenField = document.getElementById("token");

tokenField.value = sessionStorage.getItem(KEPT) || "";
tokenField.addEventListener("input", () => sessionStorage.setItem(KEPT, tokenField.value.trim()));
document.getElementById("who").addEventListener("submit", (event) => event.preventDefault());
document.querySelectorAll("#who, .try").forEach((part) => { part.hidden = false; });
document.getElementById("no-script").hidden = true;

function requestOf(form) {
  const query = new URLSearchParams();
  let path = form.dataset.path;
  for (const field of form.querySelectorAll("[data-place]")) {
    if (field.dataset.place === "path") path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else if (field.value) query.set(field.name, field.value);
  }
  const body = form.querySelector("[data-body]");
  const headers = {};
  if (tokenField.value.trim()) headers.Authorization = `Bearer ${tokenField.value.trim()}`;
  if (body) headers["Content-Type"] = "application/json";
  const address = query.size ? `${path}?${query}` : path;
  return [address, { method: form.dataset.method, headers, body: body?.value, credentials: "omit", cache: "no-store" }];
}

function shown(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function tellAnswer(place, heading, text) {
  const title = document.createElement("h3"), content = document.createElement("pre");
  title.textContent = heading;
  content.tabIndex = 0;
  content.textContent = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}\n… and more` : text;
  place.replaceChildren(title, ...(text ? [content] : []));
}

async function send(form) {
  const place = form.nextElementSibling, button = form.querySelector("button");
  const [address, options] = requestOf(form);
  button.disabled = true;
  try {
    const began = performance.now();
    const answer = await fetch(address, options);
    const text = await answer.text();
    tellAnswer(place, `${answer.status} after ${Math.round(performance.now() - began)} ms`, shown(text));
    keepToken(address, answer, text);
  } catch (error) {
    tellAnswer(place, "No answer", `${error.message}. Is Rowpost running?`);
  } finally {
    button.disabled = false;
    form.elements.sure?.remove();
  }
}

function keepToken(address, answer, text) {
  if (!answer.ok || address !== "/api/authenticate") return;
  const token = JSON.parse(text).token;
  if (!token) return;
  tokenField.value = token;
  sessionStorage.setItem(KEPT, token);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  // What asks first comes again when somebody has said yes.
  if (event.defaultPrevented || !form.matches("[data-try]")) return;
  event.preventDefault();
  send(form);
});
