"use strict";
// The figures of the run as its seconds close. Texts enter as text only.
(() => {
  const put = (id, text) => { document.getElementById("now-" + id).textContent = text; };
  const time = (ns) => {
    if (ns === null || ns === undefined) return "-";
    if (ns < 1e6) return (ns / 1e3).toPrecision(3) + "us";
    if (ns < 1e9) return (ns / 1e6).toPrecision(3) + "ms";
    return (ns / 1e9).toPrecision(3) + "s";
  };
  const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);
  let faults = 0;
  const source = new EventSource("/events");
  const state = (text) => { document.getElementById("now-state").textContent = text; };
  source.addEventListener("second", (event) => {
    const s = JSON.parse(event.data);
    const rate = (n) => Math.round(n * 1e9 / Math.max(s.span_ns, 1)) + "/s";
    faults += sum(s.faults);
    state("The run goes on: " + s.phase + ", " + Math.round((s.t_ns + s.span_ns) / 1e9) + " s.");
    put("planned", rate(s.planned));
    put("sent", rate(s.sent));
    put("answered", rate(s.answered + s.late));
    put("open", String(s.connections.open));
    put("faults", faults + " since this page was opened");
    put("lag", time(s.lag.p99));
    const rows = Object.entries(s.series).map(([name, t]) => name + ": p50 " + time(t.p50) + ", p99 " + time(t.p99) + ", max " + time(t.max));
    put("series", rows.join("; "));
  });
  source.addEventListener("end", (event) => {
    source.close();
    state("The run has ended. " + JSON.parse(event.data).text);
  });
  source.addEventListener("error", () => {
    state("The connection is lost: the run has ended, or this machine is busy.");
  });
})();
