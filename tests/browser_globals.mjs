// What @rails/actioncable expects of a browser, for Node.
import WebSocket from "ws";

globalThis.WebSocket = WebSocket;
globalThis.addEventListener = globalThis.removeEventListener = () => {};
globalThis.document = { visibilityState: "visible" };
