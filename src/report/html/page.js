"use strict";
// Read-outs by pointer and keyboard, switching lines on and off, and the theme. Adds nothing that
// the page needs to be read. Texts come from the data block and enter as text only.
(() => {
  const charts = JSON.parse(document.getElementById("volley-charts").textContent);
  const live = document.getElementById("live");

  // Theme: follows the system until the reader chooses; the choice stays in this browser.
  const themes = ["auto", "light", "dark"];
  const themeButton = document.getElementById("theme");
  const stored = () => { try { return localStorage.getItem("volley-theme"); } catch { return null; } };
  const applyTheme = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    themeButton.textContent = "Theme: " + theme;
  };
  let theme = themes.includes(stored()) ? stored() : "auto";
  applyTheme(theme);
  themeButton.hidden = false;
  themeButton.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    applyTheme(theme);
    try { localStorage.setItem("volley-theme", theme); } catch { /* a viewer without storage */ }
  });

  // What is said aloud waits until the reader pauses.
  let saying;
  const say = (text) => {
    clearTimeout(saying);
    saying = setTimeout(() => { live.textContent = text; }, 200);
  };

  const make = (name, text) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // A legend entry becomes a button that hides its lines.
  const toggles = (figure, hidden, changed) => {
    for (const item of figure.querySelectorAll(".legend li")) {
      const group = item.dataset.group;
      const button = make("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.append(...item.childNodes);
      item.append(button);
      button.addEventListener("click", () => {
        const off = !hidden.has(group);
        if (off) hidden.add(group); else hidden.delete(group);
        button.setAttribute("aria-pressed", String(!off));
        for (const part of figure.querySelectorAll("g[data-group]")) {
          if (part.dataset.group === group) part.classList.toggle("off", off);
        }
        changed();
      });
    }
  };

  // The drawing that the screen shows.
  const drawing = (plot) => [...plot.querySelectorAll("svg")].find((svg) => svg.getBoundingClientRect().width > 0);

  const axis = (svg) => {
    const { left, right, top, bottom, from, to } = svg.dataset;
    return { left: +left, right: +right, top: +top, bottom: +bottom, from: +from, to: +to };
  };

  const nearest = (xs, value) => {
    let low = 0;
    let high = xs.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] < value) low = middle; else high = middle;
    }
    return Math.abs(xs[low] - value) <= Math.abs(xs[high] - value) ? low : high;
  };

  const readOut = (figure) => {
    const data = charts[figure.dataset.chart];
    const plot = figure.querySelector(".plot");
    if (!data || !plot) return;
    // Places on the axis and their names: given, or even stretches of time.
    const names = data.names || data.edges.slice(1).map((edge, i) => data.edges[i] + " to " + edge);
    const xs = data.x || names.map((_, i) => data.from + data.step * (i + 0.5));
    if (!xs.length) return;
    const hidden = new Set();
    const tip = make("div");
    tip.className = "tip";
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true");
    plot.append(tip);
    let at = -1;

    const rows = () => data.rows.filter((row) => !hidden.has(row.group) && row.texts[at] !== undefined);
    const cursor = (svg) => {
      let line = svg.querySelector(".cursor");
      if (!line) {
        line = document.createElementNS(svg.namespaceURI, "line");
        line.setAttribute("class", "cursor");
        svg.append(line);
      }
      return line;
    };
    const hide = () => {
      at = -1;
      tip.hidden = true;
      for (const line of plot.querySelectorAll(".cursor")) line.remove();
    };
    const show = () => {
      const svg = drawing(plot);
      if (at < 0 || !svg) return;
      const place = axis(svg);
      const x = place.left + (xs[at] - place.from) / (place.to - place.from) * (place.right - place.left);
      const line = cursor(svg);
      for (const [name, value] of [["x1", x], ["x2", x], ["y1", place.top], ["y2", place.bottom]]) line.setAttribute(name, value);
      const list = make("dl");
      for (const row of rows()) list.append(make("dt", row.name), make("dd", row.texts[at]));
      tip.replaceChildren(make("b", names[at]), list);
      tip.hidden = false;
      const box = svg.getBoundingClientRect();
      const outer = plot.getBoundingClientRect();
      const pixel = box.left - outer.left + x * box.width / svg.viewBox.baseVal.width;
      const beside = pixel > outer.width / 2 ? pixel - tip.offsetWidth - 12 : pixel + 12;
      tip.style.left = Math.max(0, Math.min(beside, outer.width - tip.offsetWidth)) + "px";
    };
    const move = (to) => {
      at = Math.max(0, Math.min(xs.length - 1, to));
      show();
      say(names[at] + ": " + rows().map((row) => row.name + " " + row.texts[at]).join(", "));
    };

    plot.addEventListener("pointermove", (event) => {
      const svg = drawing(plot);
      if (!svg) return;
      const place = axis(svg);
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      if (x < place.left - 8 || x > place.right + 8) { hide(); return; }
      at = nearest(xs, place.from + (x - place.left) / (place.right - place.left) * (place.to - place.from));
      show();
    });
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    const page = Math.max(1, Math.round(xs.length / 10));
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -page, PageDown: page };
    plot.addEventListener("keydown", (event) => {
      if (event.target !== plot || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape") hide();
      else if (event.key === "Home") move(0);
      else if (event.key === "End") move(xs.length - 1);
      else if (event.key in steps) move(at < 0 ? (steps[event.key] > 0 ? 0 : xs.length - 1) : at + steps[event.key]);
      else return;
      event.preventDefault();
    });
    toggles(figure, hidden, show);
  };

  for (const figure of document.querySelectorAll("figure[data-chart]")) readOut(figure);

  // Paper shows what the screen folds away.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details.more:not([open])")];
    for (const part of folded) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of folded) part.open = false; });

  const copy = document.getElementById("copy");
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", () => {
      navigator.clipboard.writeText(document.getElementById("repeat").textContent)
        .then(() => { copy.textContent = "Copied"; say("Copied"); }, () => { copy.textContent = "Not allowed here"; });
    });
  }
})();
