"use strict";

const HEADERS = ["content-type", "cache-control", "retry-after", "www-authenticate"];
const TRIMMED = ["inbox", "source_id", "secret"]; // what is pasted; of an identifier every byte counts
const FIELDS = ["name", "email", "phone_number", "avatar_url"];

const form = document.getElementById("call");
const element = (id) => document.getElementById(id);
const value = (id) => (TRIMMED.includes(id) ? element(id).value.trim() : element(id).value);
const method = () => form.elements.method.value;
let hash = "";
let question = 0; // the number of the call whose answer is waited for or shown

/** Resolve to the HMAC-SHA256 of the UTF-8 bytes of `identifier` in hexadecimal, "" when a part is missing. */
async function identifierHash(secret, identifier) {
  if (!secret || !identifier || !crypto.subtle) return "";
  const bytes = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes.encode(secret), algorithm, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, bytes.encode(identifier));
  return Array.from(new Uint8Array(signature), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Return the value that `text` is JSON for, undefined when it is none. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Return the object that is filled in, undefined for nothing and for anything else. */
function attributes() {
  const found = parsed(value("custom_attributes"));
  return found instanceof Object && !Array.isArray(found) ? found : undefined;
}

/** Return identifier and proof, as far as they are filled in. */
function proof() {
  const filled = value("identifier") ? { identifier: value("identifier") } : {};
  return hash ? { ...filled, identifier_hash: hash } : filled;
}

/** Return what is filled in, as the API names it. */
function fields() {
  const filled = FIELDS.filter((name) => value(name)).map((name) => [name, value(name)]);
  return { ...proof(), ...Object.fromEntries(filled), custom_attributes: attributes() };
}

/** Return the call as arguments of fetch. */
function request() {
  const contacts = form.dataset.url.replace("INBOX", encodeURIComponent(value("inbox")));
  const url = method() === "POST" ? contacts : `${contacts}/${encodeURIComponent(value("source_id"))}`;
  if (method() === "GET") {
    const query = hash ? `?${new URLSearchParams(proof())}` : "";
    return [url + query, { method: "GET" }];
  }
  const body = JSON.stringify(fields(), null, 2);
  return [url, { method: method(), headers: { "Content-Type": "application/json" }, body }];
}

function showHash() {
  const unsigned = value("identifier") && !value("secret") ? form.dataset.claim : form.dataset.unsigned;
  element("hash").textContent = hash || (crypto.subtle ? unsigned : form.dataset.insecure);
}

function showCall() {
  const reads = method() === "GET";
  const creates = method() === "POST";
  element("session").hidden = creates;
  element("source_id").disabled = creates;
  element("fields").hidden = element("fields").disabled = reads;
  const wrong = value("custom_attributes").trim() && !attributes();
  element("custom_attributes").setCustomValidity(wrong ? form.dataset.attributes : "");
}

function showRequest() {
  const [url, options] = request();
  element("request").textContent = [`${options.method} ${url}`, options.body].filter(Boolean).join("\n\n");
}

async function update() {
  const inputs = [value("secret"), value("identifier")];
  const computed = await identifierHash(...inputs);
  // Somebody who types fast may have been faster than the hash.
  if (inputs[0] !== value("secret") || inputs[1] !== value("identifier")) return;
  hash = computed;
  showHash();
  showCall();
  showRequest();
}

function showStatus(text, ok) {
  element("status").textContent = text;
  element("status").dataset.ok = ok;
}

function showAnswer(response, text, milliseconds) {
  const headers = HEADERS.filter((name) => response.headers.has(name));
  const json = parsed(text);
  showStatus(`${response.status} ${response.statusText} · ${milliseconds} ms`, response.ok);
  element("headers").textContent = headers.map((name) => `${name}: ${response.headers.get(name)}`).join("\n");
  element("body").textContent = json === undefined ? text : JSON.stringify(json, null, 2);
  element("answer").hidden = false;
  if (response.ok) take(json);
}

/** Go on with the session of an answer, or with none; live.js listens to it. */
function take(contact) {
  element("source_id").value = contact?.source_id ?? "";
  document.dispatchEvent(new CustomEvent("contact", { detail: contact }));
}

/** Take away the answer to an earlier call, also one that is still to come. */
function forgetAnswer(status) {
  question += 1;
  element("answer").hidden = true;
  showStatus(status, "");
  return question;
}

async function send(event) {
  event.preventDefault();
  if (element("send").ariaDisabled) return;
  const asked = forgetAnswer(form.dataset.sending);
  element("send").ariaDisabled = "true"; // unlike disabled, it leaves the focus where it is
  try {
    await update();
    const start = performance.now();
    const response = await fetch(...request());
    const text = await response.text();
    if (asked === question) showAnswer(response, text, Math.round(performance.now() - start));
  } catch {
    if (asked === question) showStatus(form.dataset.unreachable, "");
  }
  element("send").ariaDisabled = null;
  showRequest();
}

/** Another call or inbox has another answer, and another inbox other sessions. */
function change(event) {
  if (["method", "inbox"].includes(event.target.name)) forgetAnswer(form.dataset.nothingSent);
  if (event.target.name === "inbox") take(null);
  update();
}

form.addEventListener("input", change);
form.addEventListener("submit", send);
element("inbox").value = new URLSearchParams(location.search).get("inbox") ?? "";
update();
