// Opens every page of target/tmp/pages in Chromium and checks what only a browser can tell.
// Usage: node page.mjs WORK PAGES; WORK holds node_modules, screenshots go to WORK/shots.
import { strict as assert } from "node:assert";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const [work, pages] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(join(work, "package.json"));
const { chromium } = require("playwright-core");
const axePath = join(work, "node_modules/axe-core/axe.min.js");
const names = readdirSync(pages).filter((file) => file.endsWith(".html")).map((file) => file.slice(0, -5)).sort();
const AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
let checks = 0;

const check = (truth, what) => { checks += 1; assert.ok(truth, what); };

// Opens a page, counts requests and errors, runs the body, and wants one request and no error.
const visit = async (browser, address, options, body) => {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const errors = [];
  const requests = [];
  page.on("console", (message) => { if (message.type() === "error") errors.push(message.text()); });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("dialog", (dialog) => { errors.push("dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("request", (request) => { if (!request.url().startsWith("data:")) requests.push(request.url()); });
  await page.goto(address);
  await body(page);
  check(requests.length === 1, `${address}: one request, not ${requests}`);
  if (!options.blocked) check(errors.length === 0, `${address}: ${errors}`);
  await context.close();
};

const noOverflow = async (page, what) => {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(over <= 0, `${what}: ${over} px wider than the screen`);
};

// No label of a shown drawing lies outside it or on another label.
const labelsFit = async (page, what) => {
  const faults = await page.evaluate(() => {
    const found = [];
    for (const svg of document.querySelectorAll(".plot svg")) {
      const box = svg.getBoundingClientRect();
      if (box.width === 0) continue;
      const texts = [...svg.querySelectorAll("text:not([aria-hidden])")].map((text) => [text.textContent, text.getBoundingClientRect()]);
      for (const [i, [name, a]] of texts.entries()) {
        if (a.left < box.left - 1 || a.right > box.right + 1 || a.top < box.top - 1 || a.bottom > box.bottom + 1) found.push(`${svg.id}: ${name} is cut`);
        for (const [other, b] of texts.slice(i + 1)) {
          const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          if (wide > 1 && high > 3.5) found.push(`${svg.id}: ${name} touches ${other}`);
        }
      }
    }
    return found;
  });
  check(faults.length === 0, `${what}: ${faults.join("; ")}`);
};

const accessible = async (page, what) => {
  if (!existsSync(axePath)) return;
  // The page's own policy forbids foreign scripts; axe runs from the debugger's side.
  await page.evaluate(readFileSync(axePath, "utf8"));
  const { violations } = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags }), AXE_RULES);
  const told = violations.map((v) => `${v.id} (${v.nodes.length}): ${v.nodes[0].html.slice(0, 160)} ${v.nodes[0].failureSummary}`);
  check(violations.length === 0, `${what}: ${told.join("\n")}`);
};

// The numbers a reader sees are those of the summary.
const numbersAgree = async (page, name) => {
  const summary = JSON.parse(readFileSync(join(pages, name + ".json"), "utf8"));
  const inside = await page.evaluate(() => JSON.parse(document.getElementById("volley-summary").textContent));
  checks += 1;
  assert.deepEqual(inside, summary, name);
  const sent = summary.counts.sent.toLocaleString("en-US");
  const table = await page.locator("table.account").first().innerText();
  check(table.includes(`Sent\t${sent}`), `${name}: ${sent} sent`);
};

const keyboard = async (page, name) => {
  await page.keyboard.press("Tab");
  check(await page.locator(".skip").evaluate((el) => document.activeElement === el), `${name}: the skip link is first`);
  const plots = page.locator(".plot[tabindex]:visible");
  for (let i = 0; i < await plots.count(); i += 1) {
    const plot = plots.nth(i);
    await plot.focus();
    await page.keyboard.press("Home");
    const first = await plot.locator(".tip b").innerText();
    await page.keyboard.press("ArrowRight");
    const shown = (await plot.locator(".tip b").innerText()).trim();
    const only = await page.evaluate((el) => el.querySelectorAll(".cursor").length, await plot.elementHandle());
    check(only === 1, `${name}: one cursor`);
    if (name !== "one-second") check(shown !== first, `${name}: the cursor moved from ${first}`);
    await page.waitForFunction((text) => document.getElementById("live").textContent.startsWith(text), shown, { timeout: 2000 });
    await page.keyboard.press("Escape");
    check(await plot.locator(".tip").isHidden(), `${name}: Escape hides the read-out`);
  }
};

const pointerAndToggles = async (page, name) => {
  const figure = page.locator("figure").first();
  const plot = figure.locator(".plot[tabindex]");
  if (await plot.count() === 0) return;
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  check(await plot.locator(".tip").isVisible(), `${name}: hovering reads`);
  const button = figure.locator(".legend button").first();
  const lines = figure.locator("svg.wide g[data-group]").first();
  check(await lines.isVisible(), `${name}: the line is there`);
  await button.click();
  check(await lines.isHidden(), `${name}: the line is off`);
  check(await button.getAttribute("aria-pressed") === "false", `${name}: and says so`);
  await button.click();
};

// What the page carries gives the figures of its tables again, for any percentile, any stretch and another page beside it.
const exploring = async (page, name) => {
  const panel = page.locator("#explore");
  await panel.getByRole("button", { name: "Open" }).click();
  await panel.locator("table").waitFor();
  const note = panel.locator(".note");
  const ask = async (percents) => {
    await panel.getByRole("textbox", { name: "Percentiles" }).fill(percents);
    await page.keyboard.press("Tab");
  };
  const row = async (head) => (await panel.locator("tr", { hasText: head }).first().innerText()).split("\t").slice(1);
  await ask("50, 90, 99, 99.9");
  const headline = (await page.locator("table.headline tbody tr").first().innerText()).trim().split(/\s+/);
  const measured = await row("Measured time");
  for (const figure of measured) check(headline.includes(figure), `${name}: ${figure} of the page's own run is in ${headline}`);
  await ask("0, nonsense");
  check((await note.innerText()).startsWith("Write percentiles"), `${name}: what is no percentile is said`);
  await ask("99.5");
  check((await row("Measured time")).length === 3, `${name}: one percentile, the count and the largest`);
  const plot = panel.locator(".plot");
  await plot.focus();
  const before = await note.innerText();
  await page.keyboard.press("+");
  check(await note.innerText() !== before, `${name}: plus looks closer`);
  check(Number((await row("Answers in the stretch"))[0].replace(",", "")) < Number(measured[0].replace(",", "")), `${name}: fewer answers`);
  await page.keyboard.press("Escape");
  check(await note.innerText() === before, `${name}: Escape shows the whole run`);
  await ask("50");
  await panel.getByLabel("Lay over it").setInputFiles(join(pages, "healthy.html"));
  await panel.getByText("cannot be laid over").waitFor();
  await panel.getByLabel("Lay over it").setInputFiles(join(pages, `${name}.html`));
  await panel.locator("path[stroke-dasharray]").waitFor({ state: "attached" });
  check((await row("Measured time of"))[0] === measured[0], `${name}: the page laid over itself has its figures`);
  await panel.getByLabel("Scale").selectOption("linear");
  const saved = page.waitForEvent("download");
  await panel.getByRole("button", { name: "Save as CSV" }).click();
  const lines = readFileSync(await (await saved).path(), "utf8").trim().split("\n");
  check(lines[0] === "middle_s,p50_ns" && lines.length > 5, `${name}: ${lines[0]}, ${lines.length} lines`);
  await accessible(page, `${name} explored`);
  await page.locator("#data").screenshot({ path: join(work, "shots", `${name}-explored.png`) });
};

const theme = async (page) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const seen = [await ground()];
  for (let i = 0; i < 2; i += 1) {
    await page.locator("#theme").click();
    seen.push(await ground());
  }
  check(new Set(seen).size === 2 && seen[1] !== seen[2], `light and dark differ: ${seen}`);
  await page.locator("#theme").click();
};

const eachPage = async (browser) => {
  for (const name of names) {
    for (const colorScheme of name === "largest" ? ["light"] : ["light", "dark"]) {
      for (const width of colorScheme === "dark" ? [360, 1280] : [360, 768, 1280, 1600]) {
        const options = { viewport: { width, height: 900 }, colorScheme, offline: true };
        await visit(browser, `file://${join(pages, name)}.html`, options, async (page) => {
          const what = `${name} ${colorScheme} ${width}`;
          await noOverflow(page, what);
          await labelsFit(page, what);
          if (name !== "largest") await page.screenshot({ path: join(work, "shots", `${name}-${colorScheme}-${width}.png`), fullPage: true });
          if (name !== "largest") await accessible(page, what);
          if (width === 1280 && colorScheme === "light") {
            await numbersAgree(page, name);
            await keyboard(page, name);
            await pointerAndToggles(page, name);
            if (name === "carried") await exploring(page, name);
          await page.locator(".plot[tabindex]:visible").last().hover().catch(() => {});
          await page.screenshot({ path: join(work, "shots", `${name}-hover.png`) });
            await theme(page);
          }
        });
      }
    }
    console.log(`ok ${name}`);
  }
};

// Pages of comparisons, left by their own tests.
const eachComparison = async (browser) => {
  const folder = join(pages, "..", "comparisons");
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".html"))) {
    for (const colorScheme of ["light", "dark"]) {
      for (const width of [360, 1280]) {
        await visit(browser, `file://${join(folder, file)}`, { viewport: { width, height: 900 }, colorScheme, offline: true }, async (page) => {
          const what = `comparison ${file} ${colorScheme} ${width}`;
          await noOverflow(page, what);
          await labelsFit(page, what);
          await accessible(page, what);
          await page.screenshot({ path: join(work, "shots", `compare-${file}-${colorScheme}-${width}.png`), fullPage: true });
          if (width === 1280) await theme(page);
        });
      }
    }
    console.log(`ok comparison ${file}`);
  }
};

// A viewer that blocks scripts and styles (the default of Jenkins) still shows heading, table and curve.
const blocked = async (browser) => {
  const headers = { "Content-Type": "text/html", "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self'; style-src 'self'" };
  const server = createServer((request, response) => {
    response.writeHead(200, headers);
    response.end(readFileSync(join(pages, "healthy.html")));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  await visit(browser, `http://127.0.0.1:${server.address().port}/`, { viewport: { width: 1280, height: 900 }, blocked: true }, async (page) => {
    check(await page.locator("h1").isVisible() && await page.locator("table.headline").isVisible(), "heading and table show");
    const stroke = await page.locator("#percentiles-wide g path").first().evaluate((el) => getComputedStyle(el).stroke);
    check(stroke === "rgb(0, 114, 178)", `the curve shows in its own colour, not ${stroke}`);
    check(await page.locator("#percentiles-narrow").isHidden(), "the narrow drawing is left out");
    await page.screenshot({ path: join(work, "shots", "blocked.png"), fullPage: true });
  });
  server.close();
};

const printed = async (browser) => {
  await visit(browser, `file://${join(pages, "hostile.html")}`, { colorScheme: "dark", offline: true }, async (page) => {
    for (const format of ["A4", "Letter"]) {
      const pdf = await page.pdf({ format, path: join(work, "shots", `hostile-${format}.pdf`), printBackground: true, margin: { top: "12mm", bottom: "12mm", left: "12mm", right: "12mm" } });
      const sheets = pdf.toString("latin1").match(/\/Type\s*\/Page[^s]/g).length;
      check(sheets >= 3 && sheets <= 12, `${format}: ${sheets} sheets`);
    }
  });
};

const home = mkdtempSync(join(tmpdir(), "volley-browser-"));
const context = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  env: { ...process.env, HOME: home },
});
try {
  await eachPage(context);
  await eachComparison(context);
  await blocked(context);
  await printed(context);
  console.log(`${checks} checks hold${existsSync(axePath) ? "" : " (without axe-core)"}`);
} finally {
  await context.close();
  rmSync(home, { recursive: true, force: true });
}
