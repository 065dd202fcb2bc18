const PROTOCOL = "actioncable-v1-json";
const SILENCE = 7000; // milliseconds: the server speaks every three seconds
const LONGEST_PAUSE = 30; // seconds
const SHOWN = 50; // events

const live = document.getElementById("live");
const state = document.getElementById("live-state");
const events = document.getElementById("events");
const url = new URL("/cable", location.href);
url.protocol = url.protocol.replace("http", "ws");

let token = null; // of the session that is listened to
let socket = null;
let failures = 0; // since the last confirmation
let listened = false; // to this session, before the connection was lost
let timer;

function tell(name, detail = "") {
  state.textContent = live.dataset[name].replace("{}", detail);
}

function hush() {
  clearTimeout(timer);
  const old = socket;
  socket = null;
  old?.close();
}

/** Do `act` unless something else happens within so many milliseconds. */
function unless(act, milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(act, milliseconds);
}

function tryAgain() {
  const pause = Math.min(2 ** failures, LONGEST_PAUSE);
  failures += 1;
  hush();
  tell(listened ? "lost" : "unreachable", pause);
  unless(open, pause * 1000);
}

function end(name, reason) {
  hush();
  tell(name, reason);
}

function open() {
  const opened = new WebSocket(url, PROTOCOL);
  socket = opened;
  opened.onmessage = ({ data }) => opened === socket && receive(JSON.parse(data));
  opened.onclose = () => opened === socket && tryAgain();
  unless(tryAgain, SILENCE);
}

function subscribe() {
  const identifier = JSON.stringify({ channel: "RoomChannel", pubsub_token: token });
  socket.send(JSON.stringify({ command: "subscribe", identifier }));
}

function confirmed() {
  tell(listened ? "again" : "listening");
  listened = true;
  failures = 0;
}

function receive({ type, reason, reconnect, message }) {
  unless(tryAgain, SILENCE);
  if (type === "welcome") subscribe();
  else if (type === "confirm_subscription") confirmed();
  else if (type === "reject_subscription") end("rejected");
  else if (type === "disconnect" && reconnect === false) end("ended", reason);
  else if (message) show(message);
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function show({ event, data }) {
  const now = new Date();
  const time = element("time", now.toLocaleTimeString(document.documentElement.lang));
  time.dateTime = now.toISOString();
  const item = element("li", "");
  item.append(time, " ", element("strong", event), element("pre", JSON.stringify(data, null, 2)));
  events.prepend(item);
  events.children[SHOWN]?.remove();
}

function listen(next) {
  if (next === token && socket) return;
  hush();
  [token, failures, listened] = [next, 0, false];
  if (!token) return tell("idle");
  if (!("realtime" in live.dataset)) return tell("missing");
  tell("connecting");
  return open();
}

document.addEventListener("contact", ({ detail }) => listen(detail?.pubsub_token));
