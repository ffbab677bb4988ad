// Any percentile of any stretch of time, from the run that the page carries; another page may be laid over it.
// Nothing is decoded before the reader asks.
(() => {
  const home = document.getElementById("explore");
  const block = document.getElementById("volley-run");
  if (!home || !block || typeof DecompressionStream === "undefined") return;
  const live = document.getElementById("live");
  const UNIT = 512;
  const BEYOND = 10;
  const SVG = document.querySelector("svg").namespaceURI;
  const HEIGHT = 380;
  const AREA = { left: 64, right: 1040, top: 14, bottom: 340 };
  const width = () => Math.min(1072, Math.max(300, plot.clientWidth || 1072));
  const INKS = ["k-s0", "k-s1", "k-s2", "k-s3", "k-s4", "k-s5"];

  const make = (name, text, attributes) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    return element;
  };
  const shape = (name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const three = (x) => String(+x.toPrecision(3));
  const time = (ns) => {
    if (ns === null) return "n/a";
    if (ns < 0) return "> " + time(-ns);
    if (ns < 1e6) return three(ns / 1e3) + "us";
    return ns < 1e9 ? three(ns / 1e6) + "ms" : three(ns / 1e9) + "s";
  };
  const clock = (s) => three(s) + "s";

  // The run of a page, unpacked, with what its summary says of exchanges that were never answered.
  const unpack = async (text, summary) => {
    const bytes = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const run = await new Response(stream).json();
    if (run.schema !== "volley.packed/1") throw new Error("a run of another version");
    const columns = new Map();
    for (const [tag, t, span, told, exact] of run.intervals) {
      const name = tag.replace(/^warmup\//, "");
      if (!columns.has(name)) columns.set(name, []);
      columns.get(name).push({ from: t / 1e9, to: (t + span) / 1e9, told, exact });
    }
    const end = Math.max(...run.rows.map((row) => (row.t_ns + row.span_ns) / 1e9), 1);
    const unanswered = new Map(JSON.parse(summary).series.map((one) => [one.name, one.unanswered]));
    return { run, columns, end, unanswered, name: run.manifest.plan.profile + " " + run.manifest.id };
  };

  const add = (sum, told) => {
    let unit = 0;
    for (let i = 0; i < told.length; i += 2) {
      unit += told[i];
      sum.set(unit, (sum.get(unit) || 0) + told[i + 1]);
    }
  };
  // Quantiles of several columns taken together; null where fewer than ten samples lie beyond, minus the timeout where they lie
  // among exchanges that were never answered.
  const quantiles = (columns, shares, unanswered = 0, timeout = 0) => {
    const sum = new Map();
    let count = 0;
    let least = Infinity;
    let most = 0;
    for (const { told, exact } of columns) {
      add(sum, told);
      count += exact.count;
      least = Math.min(least, exact.min);
      most = Math.max(most, exact.max);
    }
    const units = [...sum.keys()].sort((a, b) => a - b);
    const values = shares.map((share) => {
      if (share === 1) return count ? most : null;
      if ((count + unanswered) * (1 - share) + 1e-6 < BEYOND) return null;
      let rank = Math.max(1, Math.ceil((count + unanswered) * share - 1e-9));
      for (const unit of units) {
        rank -= sum.get(unit);
        if (rank > 0) continue;
        const value = Math.min(Math.max((unit + 1) * UNIT - 1, least), most);
        return unanswered && value > timeout ? -timeout : value;
      }
      return -timeout;
    });
    return { count, values };
  };

  const state = { mine: null, other: null, series: "", shares: [0.5, 0.99], log: true, from: 0, to: 1 };

  const fields = make("form", undefined, { class: "explore", "aria-label": "Ask the run" });
  const field = (label, control) => {
    const wrap = make("label", label + " ");
    wrap.append(control);
    fields.append(wrap);
    return control;
  };
  const series = field("Series", make("select"));
  const percents = field("Percentiles", make("input", undefined, { type: "text", value: "50, 99", size: "14", inputmode: "decimal" }));
  const scale = field("Scale", make("select"));
  for (const name of ["logarithmic", "linear"]) scale.append(make("option", name));
  const file = field("Lay over it", make("input", undefined, { type: "file", accept: ".html,text/html" }));
  const button = (text) => {
    const element = make("button", text, { type: "button" });
    fields.append(element);
    return element;
  };
  const whole = button("Whole run");
  const csv = button("Save as CSV");
  const json = button("Save as JSON");
  const note = make("p", undefined, { class: "note", role: "status" });
  const plot = make("div", undefined, {
    class: "plot", tabindex: "0", role: "group",
    "aria-label": "Percentiles over time: drag to look closer, plus and minus zoom, arrow keys move, Escape shows the whole run",
  });
  const result = make("div", undefined, { class: "scroll" });
  const open = button("Open");
  home.append(fields, note, plot, result);
  home.hidden = false;
  for (const part of [plot, result]) part.hidden = true;
  for (const control of [series, percents, scale, file, whole, csv, json]) control.closest("label, button").hidden = true;

  const ticks = (low, high, log) => {
    const found = [];
    if (log) {
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
        for (const lead of [1, 2, 5]) {
          const value = lead * 10 ** power;
          if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
        }
      }
      const every = Math.ceil(found.length / 9);
      return found.filter((_, i) => i % every === 0);
    }
    const raw = (high - low) / 6;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((lead) => lead * power).find((value) => value >= raw);
    for (let value = Math.ceil(low / step) * step; value <= high * 1.0001; value += step) found.push(value);
    return found;
  };

  const shown = (source) => (source.columns.get(state.series) || [])
    .filter((c) => (c.from + c.to) / 2 >= state.from && (c.from + c.to) / 2 <= state.to);

  const lines = (source, shares) => {
    const columns = shown(source);
    const byStart = new Map();
    for (const column of columns) byStart.set(column.from, [...(byStart.get(column.from) || []), column]);
    const places = [...byStart.values()].sort((a, b) => a[0].from - b[0].from);
    return shares.map((_, k) => places.map((group) => [(group[0].from + group[0].to) / 2, quantiles(group, [shares[k]]).values[0]]));
  };

  const path = (points, x, y) => {
    let text = "";
    let down = false;
    for (const [at, value] of points) {
      if (value === null) { down = false; continue; }
      text += (down ? "L" : "M") + x(at).toFixed(1) + " " + y(value).toFixed(1);
      if (!down) text += "h0.01";
      down = true;
    }
    return text;
  };

  const draw = () => {
    const drawn = [lines(state.mine, state.shares)].concat(state.other ? [lines(state.other, state.shares)] : []);
    const values = drawn.flat(2).map((point) => point[1]).filter((value) => value !== null && value > 0);
    const wide = width();
    AREA.right = wide - 14;
    const svg = shape("svg", { viewBox: `0 0 ${wide} ${HEIGHT}`, role: "img", "aria-label": note.textContent });
    plot.replaceChildren(svg);
    if (!values.length) {
      svg.append(shape("text", { x: wide / 2, y: HEIGHT / 2, "text-anchor": "middle", "font-size": 14, class: "k-muted", fill: "currentColor" }, "Too few samples here for these percentiles"));
      return;
    }
    const high = Math.max(...values) * 1.05;
    const low = state.log ? Math.min(...values) * 0.95 : 0;
    const x = (s) => AREA.left + (s - state.from) / (state.to - state.from) * (AREA.right - AREA.left);
    const share = (value) => state.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    const y = (value) => AREA.bottom - share(value) * (AREA.bottom - AREA.top);
    for (const value of ticks(low, high, state.log)) {
      svg.append(shape("path", { d: `M${AREA.left} ${y(value).toFixed(1)}H${AREA.right}`, class: "k-grid", stroke: "currentColor" }));
      svg.append(shape("text", { x: AREA.left - 8, y: y(value) + 4, "text-anchor": "end", "font-size": 12.5, class: "k-muted", fill: "currentColor" }, time(value)));
    }
    const seconds = ticks(state.from, state.to, false);
    const every = Math.ceil(seconds.length * 60 / (AREA.right - AREA.left));
    for (const second of seconds.filter((_, i) => i % every === 0)) {
      svg.append(shape("text", { x: x(second), y: AREA.bottom + 20, "text-anchor": "middle", "font-size": 12.5, class: "k-muted", fill: "currentColor" }, clock(second)));
    }
    drawn.forEach((set, which) => set.forEach((points, k) => {
      const marks = { d: path(points, x, y), class: INKS[k % INKS.length], stroke: "currentColor", fill: "none", "stroke-width": 2, "stroke-linecap": "round" };
      if (which) marks["stroke-dasharray"] = "7 4";
      svg.append(shape("path", marks));
    }));
    const brush = shape("rect", { y: AREA.top, height: AREA.bottom - AREA.top, width: 0, class: "k-phase", fill: "currentColor", "fill-opacity": 0.5 });
    svg.append(brush);
    brushing(svg, brush, (px) => state.from + (px - AREA.left) / (AREA.right - AREA.left) * (state.to - state.from));
  };

  const brushing = (svg, brush, second) => {
    let start = null;
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      return Math.min(AREA.right, Math.max(AREA.left, (event.clientX - box.left) * width() / box.width));
    };
    svg.addEventListener("pointerdown", (event) => { start = at(event); svg.setPointerCapture(event.pointerId); });
    svg.addEventListener("pointermove", (event) => {
      if (start === null) return;
      brush.setAttribute("x", Math.min(start, at(event)));
      brush.setAttribute("width", Math.abs(at(event) - start));
    });
    svg.addEventListener("pointerup", (event) => {
      const [a, b] = [second(start), second(at(event))].sort((p, q) => p - q);
      start = null;
      if (b - a > (state.to - state.from) / 100) look(a, b); else brush.setAttribute("width", 0);
    });
  };

  const label = (share) => "p" + +(share * 100).toFixed(6);
  const table = () => {
    const shares = state.shares.concat(1);
    const measured = (source) => {
      const total = source.run.totals[state.series];
      const columns = total ? [{ told: total[0], exact: total[1] }] : [];
      return quantiles(columns, shares, source.unanswered.get(state.series), source.run.manifest.plan.timeout_ns);
    };
    const sets = [["Answers in the stretch shown", quantiles(shown(state.mine), shares)], ["Measured time", measured(state.mine)]];
    if (state.other) sets.push(["Measured time of " + state.other.name, measured(state.other)]);
    const body = make("tbody");
    for (const [name, { count, values }] of sets) {
      const row = make("tr");
      row.append(make("td", name), make("td", count.toLocaleString("en"), { class: "n" }));
      values.forEach((value) => row.append(make("td", time(value), { class: "n" })));
      body.append(row);
    }
    const head = make("tr");
    for (const [i, name] of ["Of", "Answers", ...state.shares.map(label), "max"].entries()) head.append(make("th", name, i ? { scope: "col", class: "n" } : { scope: "col" }));
    const thead = make("thead");
    thead.append(head);
    const whole = make("table", undefined, { class: "data" });
    whole.append(thead, body);
    result.replaceChildren(whole);
  };

  const show = () => {
    note.textContent = `${state.series}: ${state.shares.map(label).join(", ")} from ${clock(state.from)} to ${clock(state.to)}` +
      (state.other ? `; dashed: ${state.other.name}` : "");
    draw();
    table();
  };
  const look = (from, to) => {
    const length = Math.min(to - from, state.mine.end);
    state.from = Math.max(0, Math.min(from, state.mine.end - length));
    state.to = state.from + Math.max(length, 1);
    show();
    live.textContent = note.textContent;
  };

  const begin = async () => {
    open.disabled = true;
    try {
      state.mine = await unpack(block.textContent, document.getElementById("volley-summary").textContent);
    } catch (error) {
      note.textContent = "The run inside this page cannot be read: " + error.message;
      return;
    }
    const names = [...state.mine.columns.keys()];
    if (!names.length) { note.textContent = "Nothing was answered, so there is nothing to ask for."; return; }
    const known = state.mine.run.manifest.series.map((one) => one.name).filter((name) => names.includes(name));
    for (const name of [...new Set(known.concat(names))]) series.append(make("option", name));
    state.series = series.value;
    open.remove();
    for (const part of [plot, result]) part.hidden = false;
    for (const control of [series, percents, scale, file, whole, csv, json]) control.closest("label, button").hidden = false;
    look(0, state.mine.end);
  };

  const save = (name, type, text) => {
    const link = make("a", undefined, { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  addEventListener("resize", () => { if (state.mine && state.series) draw(); });
  fields.addEventListener("submit", (event) => event.preventDefault());
  open.addEventListener("click", begin);
  series.addEventListener("change", () => { state.series = series.value; show(); });
  scale.addEventListener("change", () => { state.log = scale.value === "logarithmic"; show(); });
  percents.addEventListener("change", () => {
    const wanted = percents.value.split(/[\s,;]+/).map((text) => Number(text.replace(/^p/, ""))).filter((p) => p > 0 && p <= 100);
    if (!wanted.length) { note.textContent = "Write percentiles as numbers above 0, up to 100, such as 50, 99.9"; return; }
    state.shares = wanted.slice(0, INKS.length).map((p) => p / 100);
    show();
  });
  whole.addEventListener("click", () => look(0, state.mine.end));
  csv.addEventListener("click", () => {
    const columns = lines(state.mine, state.shares);
    const rows = (columns[0] || []).map((point, i) => [three(point[0]), ...columns.map((set) => set[i][1] === null ? "" : set[i][1])].join(","));
    save("volley-percentiles.csv", "text/csv", ["middle_s," + state.shares.map((share) => label(share) + "_ns").join(","), ...rows].join("\n") + "\n");
  });
  json.addEventListener("click", () => save("volley-run.json", "application/json", JSON.stringify(state.mine.run)));
  file.addEventListener("change", async () => {
    state.other = null;
    const chosen = file.files[0];
    if (!chosen) { show(); return; }
    try {
      if (chosen.size > 64 * 2 ** 20) throw new Error("it is larger than 64 MiB");
      const page = await chosen.text();
      const carried = (id) => {
        const found = page.split(`id="${id}">`)[1];
        if (!found) throw new Error("it is no report of volley that carries its run");
        return found.split("</" + "script>")[0];
      };
      state.other = await unpack(carried("volley-run"), carried("volley-summary"));
      show();
    } catch (error) {
      note.textContent = `${chosen.name} cannot be laid over: ${error.message}`;
    }
  });
  plot.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const length = state.to - state.from;
    const moves = {
      "+": [length / 4, -length / 4], "=": [length / 4, -length / 4], "-": [-length / 2, length / 2],
      ArrowLeft: [-length / 4, -length / 4], ArrowRight: [length / 4, length / 4],
    };
    if (event.key === "Escape") look(0, state.mine.end);
    else if (event.key in moves) look(state.from + moves[event.key][0], state.to + moves[event.key][1]);
    else return;
    event.preventDefault();
  });
})();
