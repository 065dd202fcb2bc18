
// Goes on where the README's block ends: listens with each token that comes in, a line each, and prints what happens.
import { createInterface } from "node:readline";

const say = (what) => console.log(JSON.stringify(what));
const tell = { read: () => say("read"), show: (data, event) => say({ event, data }), ended: () => say("ended") };

for await (const pubsub_token of createInterface({ input: process.stdin })) listen({ pubsub_token }, tell);
