// A page in Chromium talks to a server on npm `ws`; the HAR of it is imported and run unchanged against the same server, which
// has to get again what it got: the same messages in the same order, each with an id of its own. Usage: node har.mjs WORK VOLLEY [FIXTURE]; WORK holds node_modules, and what is made
// goes to WORK/har. FIXTURE is a file for the HAR, kept as one of the tests' own.
import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const [work, volley] = process.argv.slice(2, 4).map((path) => resolve(path));
const fixture = process.argv[4];
const require = createRequire(join(work, "package.json"));
const { chromium } = require("playwright-core");
const { WebSocketServer } = require("ws");
const call = promisify(execFile);
const out = join(work, "har");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

// Answers by id, and notes everything: texts and bytes, by connection in the order of their coming.
const heard = [];
const http = createServer((_, answer) => answer.end("<!doctype html><title>chat</title>"));
const sockets = new WebSocketServer({ server: http, path: "/chat", handleProtocols: (offered) => (offered.has("chat.v1") ? "chat.v1" : false) });
sockets.on("connection", (socket) => {
  const mine = [];
  heard.push(mine);
  socket.on("message", (data, isBinary) => {
    mine.push(isBinary ? `bytes ${data.toString("hex")}` : data.toString());
    if (isBinary) return socket.send(data, { binary: true });
    const asked = JSON.parse(data);
    socket.send(JSON.stringify({ type: "said", re: asked.id, at: mine.length }));
  });
});
await new Promise((ready) => http.listen(0, "127.0.0.1", ready));
const port = http.address().port;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const har = join(out, "chat.har");
const context = await browser.newContext({ recordHar: { path: har, mode: "full" } });
const page = await context.newPage();
await page.goto(`http://127.0.0.1:${port}/`);
await page.evaluate(async (port) => {
  const talk = (first, count) => new Promise((done, failed) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat?room=7`, "chat.v1");
    socket.binaryType = "arraybuffer";
    let answers = 0;
    socket.onerror = failed;
    socket.onopen = async () => {
      for (let i = 0; i < count; i += 1) {
        socket.send(JSON.stringify({ type: "say", id: first + i, text: "h\u00e9llo \u{1f44b}" }));
        await new Promise((rest) => setTimeout(rest, 20));
      }
      socket.send(new Uint8Array([0, 255, 128, first]));
    };
    socket.onmessage = () => { answers += 1; if (answers === count + 1) { socket.onclose = done; socket.close(1000); } };
  });
  await Promise.all([talk(1, 10), talk(101, 5)]);
}, port);
await context.close();
await browser.close();

const entries = JSON.parse(readFileSync(har)).log.entries.filter((entry) => entry._webSocketMessages);
assert.equal(entries.length, 2, "both connections are in the HAR");
assert.equal(entries.flatMap((entry) => entry._webSocketMessages).length, 34, "and all that was said");
if (fixture) copyFileSync(har, fixture);
// Ids are the client's own, as long as each is another.
const plain = () => heard.map((mine) => mine.map((text) => text.replace(/"id":\d+/, '"id":_'))).sort();
const distinct = () => heard.map((mine) => new Set(mine).size).sort();
const [recorded, unlike] = [plain(), distinct()];
heard.length = 0;

const run = async (...words) => {
  try {
    return await call(volley, words, { cwd: out });
  } catch (error) {
    // 4: the machine was too busy for true figures, which are not asked for here.
    if (error.code === 4) return error;
    throw error;
  }
};
const { stdout } = await run("profiles", "import", "har", "chat.har");
const words = stdout.split("\n").map((line) => line.trim()).find((line) => line.startsWith("volley run")).split(" ").slice(1);
await run("profiles", "check", "./chat.toml");
const ended = await run(...words, "--out", "run", "--report", "none", "--format", "json", "--progress", "none");
writeFileSync(join(out, "summary.json"), ended.stdout);
const summary = JSON.parse(ended.stdout);
assert.deepEqual(plain(), recorded, "the server gets what it got from the page");
assert.deepEqual(distinct(), unlike);
assert.equal(summary.counts.sent, 17);
assert.equal(summary.connections.opened, 2);
assert.equal(summary.counts.answered, 15, "every say has its said, told by its number");
http.close();
sockets.close();
console.log(`har: ${recorded.flat().length} messages of ${recorded.length} connections of a page in Chromium came again; answered ${summary.counts.answered} of ${summary.counts.sent}`);
process.exit(0);
