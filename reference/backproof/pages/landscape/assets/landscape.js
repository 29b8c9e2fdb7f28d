// The landscape: a descent chosen, stepped through, and for univariate regression made anew.

const LOOKS = { // colour, dash, symbol: none of them alone is the sign
  "as descended": ["#ff9f1c", "solid", "circle"], "made anew": ["#ff9f1c", "solid", "circle"], "too small": ["#a87419", "solid", "circle"],
  good: ["#3d9a6c", "dash", "square"], oscillating: ["#4a7fd6", "dashdot", "triangle-up"], divergent: ["#d24b43", "dot", "diamond"],
};
const RED = "#d62728", INK = "#1b1f24", PALE = "#ffffff";
const ANEW_STEPS = 60;
let shown = null; // the unpacked data
let run = null; // the chosen descent
let timer = null;

const field = (id) => (byId(id).value === "" ? NaN : Number(byId(id).value));
const ends = (values) => [values[0], values[values.length - 1]];
const last = (values) => values[values.length - 1];

// A descent made in the page, told as the recorded ones are.
function anew(w, b, rate, steps, label = "made anew") {
  const { x, y } = shown.data;
  const told = (values) => ({ first: values.slice(0, shown.few), shape: [1, values.length], norm: Math.hypot(...values) });
  const points = descend(x, y, w, b, rate, steps).map((point) => ({
    step: point.step, loss: point.loss, at: [point.w, point.b], on: point.loss,
    values: { w: point.w, b: point.b, y_hat: told(point.y_hat), loss: point.loss, dy_hat: told(point.dy_hat), dw: point.dw, db: point.db },
  }));
  return { label, rate, points };
}

function written(value) {
  if (typeof value !== "object") return figure(value, 6);
  return `${entries(value.first, value)}  norm ${figure(value.norm, 4)}`;
}

function entries(first, { shape }) {
  const more = shape.reduce((all, size) => all * size, 1) > first.length ? ", …" : "";
  return `[${first.map((one) => figure(one, 4)).join(", ")}${more}]`;
}

function updated(name, values) {
  const before = values[name], slope = values[`d${name}`];
  if (typeof before !== "object") return figure(before - run.rate * slope, 6);
  return entries(before.first.map((one, i) => one - run.rate * slope.first[i]), before);
}

function choose(next, at = 0) {
  run = next;
  byId("at").max = run.points.length - 1;
  byId("at").value = Math.min(at, run.points.length - 1);
  if (shown.data) byId("rate").value = Number(run.rate.toPrecision(6));
  drawRates();
  show();
}

function show() {
  const at = Number(byId("at").value), point = run.points[at], end = last(run.points);
  byId("at").setAttribute("aria-valuetext", `step ${point.step}`);
  byId("readout").textContent = `step ${point.step} of ${end.step}   loss ${figure(point.loss, 6)}   learning rate ${figure(run.rate, 4)}`
    + (end.loss > run.points[0].loss ? "   diverges" : "");
  byId("numbers-at").textContent = point.step;
  for (const cell of document.querySelectorAll("[data-value]")) cell.textContent = written(point.values[cell.dataset.value]);
  for (const cell of document.querySelectorAll("[data-update]")) cell.textContent = updated(cell.dataset.update, point.values);
  drawContours(at);
  drawSurface(at);
}

// Contours stand at equal ratios of the loss: closer together where it is small.
const height = (loss) => Math.log10(Math.max(Number(loss), 1e-12));

function ticks() {
  const heights = shown.losses.flat().map(height).filter(Number.isFinite), low = Math.min(...heights), high = Math.max(...heights);
  const tickvals = [0, 1, 2, 3, 4, 5].map((i) => low + (high - low) * i / 5);
  return { tickvals, ticktext: tickvals.map((value) => figure(10 ** value)) };
}

// A descent that diverges is drawn as far as a chart's coordinates can tell its points apart.
function drawable(points) {
  const wide = 100 * (last(shown.u) - shown.u[0]);
  const lost = points.findIndex(({ at: [u, v] }) => !(Math.hypot(u - shown.u[0], v - shown.v[0]) <= wide));
  return lost < 0 ? points : points.slice(0, Math.max(lost, 1));
}

function drawContours(at) {
  const points = drawable(run.points), [colour, dash, symbol] = LOOKS[run.label];
  const dot = (place, name, marker) => ({
    type: "scatter", mode: "markers", x: [place[0]], y: [place[1]], showlegend: false, hovertemplate: `${name}<extra></extra>`,
    marker: { line: { color: INK, width: 1.5 }, ...marker },
  });
  const path = (some, width, opacity) => ({
    type: "scatter", mode: "lines+markers", x: some.map((p) => p.at[0]), y: some.map((p) => p.at[1]), opacity, showlegend: false,
    line: { color: colour, dash, width }, marker: { symbol, size: 6, color: colour, line: { color: INK, width: 0.5 } },
    text: some.map((p) => `step ${p.step}, loss ${figure(p.loss, 5)}`), hovertemplate: "%{text}<extra></extra>",
  });
  const traces = [
    { type: "contour", x: shown.u, y: shown.v, z: shown.losses.map((row) => row.map(height)), text: shown.losses, colorscale: "Viridis", ncontours: 24, line: { width: 0.6, color: "rgba(255,255,255,.55)" },
      colorbar: { thickness: 10, title: { text: "loss" }, ...ticks() }, hovertemplate: "%{x:.3g}, %{y:.3g}: loss %{text}<extra></extra>" },
    { type: "scatter", mode: "markers", x: shown.samples.map((s) => s[0]), y: shown.samples.map((s) => s[1]), showlegend: false,
      marker: { symbol: "x-thin", size: 6, line: { color: PALE, width: 1.2 } },
      text: shown.sample_losses.map((one) => `random search, loss ${figure(one, 4)}`), hovertemplate: "%{text}<extra></extra>" },
    path(points, 1, 0.4), path(points.slice(0, at + 1), 2.5, 1),
    ...(at < points.length ? [dot(points[at].at, `step ${points[at].step}`, { symbol: "diamond", size: at ? 13 : 20, color: colour })] : []),
    dot(points[0].at, "start", { symbol: "circle", size: 14, color: RED, line: { color: PALE, width: 1.5 } }),
  ];
  if (shown.optimum) traces.push(dot(shown.optimum, "optimum", { symbol: "star", size: 16, color: PALE }));
  chart("chart-contours", traces, {
    xaxis: { title: { text: shown.labels[0] }, range: ends(shown.u), constrain: "domain" },
    yaxis: { title: { text: shown.labels[1] }, range: ends(shown.v), constrain: "domain", scaleanchor: "x" },
  });
}

function drawSurface(at) {
  const { points } = run, [colour] = LOOKS[run.label];
  const inside = ({ at: [u, v] }) => u >= shown.u[0] && u <= last(shown.u) && v >= shown.v[0] && v <= last(shown.v);
  const on = (some, extra) => ({ type: "scatter3d", x: some.map((p) => p.at[0]), y: some.map((p) => p.at[1]), z: some.map((p) => p.on), showlegend: false, hoverinfo: "skip", ...extra });
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--quiet").trim();
  const narrow = document.getElementById("chart-surface").clientWidth < 450; // seen from farther away, in smaller letters
  const small = narrow ? { title: { font: { size: 10 } }, tickfont: { size: 9 }, nticks: 5 } : {};
  const eye = Object.fromEntries(Object.entries({ x: -1.1, y: -1.3, z: 1.7 }).map(([along, far]) => [along, far * (narrow ? 1.25 : 1)]));
  const axis = (label) => ({ ...small, title: { ...small.title, text: label.split(" (")[0] }, gridcolor: ink, color: ink, showbackground: false });
  const traces = [
    { type: "surface", x: shown.u, y: shown.v, z: shown.losses, colorscale: "Viridis", showscale: false, opacity: 0.92, hovertemplate: "%{x:.3g}, %{y:.3g}: loss %{z:.4g}<extra></extra>" },
    on(points.slice(0, at + 1).filter(inside), { mode: "lines+markers", line: { color: colour, width: 6 }, marker: { size: 3.5, color: colour } }),
    on(points.slice(0, 1).filter(inside), { mode: "markers", marker: { size: 7, color: RED } }),
  ];
  chart("chart-surface", traces, {
    uirevision: "kept", // a view that was turned stays
    scene: { xaxis: axis(shown.labels[0]), yaxis: axis(shown.labels[1]), zaxis: axis("loss"), camera: { eye }, aspectmode: "manual", aspectratio: { x: 1, y: 1, z: 0.75 } },
  });
}

function drawRates() {
  const { label, points: [first], rate } = run;
  const others = shown.runs.filter((one) => one.label !== "as descended");
  const compared = label === "made anew" ? [run, ...others.map((one) => anew(...first.at, one.rate, 30, one.label))] : shown.runs;
  const traces = compared.map((one) => ({
    type: "scatter", mode: "lines+markers", name: `${one.label}, ${figure(one.rate)}`, x: one.points.map((p) => p.step), y: one.points.map((p) => p.loss),
    line: { color: LOOKS[one.label][0], dash: LOOKS[one.label][1], width: 2 }, marker: { symbol: LOOKS[one.label][2], size: 5 },
    hovertemplate: "step %{x}: loss %{y:.5g}<extra>%{fullData.name}</extra>",
  }));
  const lowest = Math.min(shown.least ?? Infinity, ...compared.flatMap(({ points }) => points.map((p) => p.loss)));
  chart("chart-rates", traces, {
    xaxis: { title: { text: "step" }, range: [-0.5, 30.5] },
    yaxis: { title: { text: "loss" }, type: "log", range: [Math.log10(Math.max(lowest, 1e-12)) - 0.05, Math.log10(first.loss) + 1] },
    shapes: shown.least === null ? [] : [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: shown.least, y1: shown.least }],
  });
  byId("table-rates").tBodies[0].replaceChildren(...compared.map((one) => element("tr", {}, element("th", { scope: "row" }, one.label),
    ...[one.rate, last(one.points).step, one.points[0].loss, last(one.points).loss].map((value) => element("td", { class: "number" }, figure(value, 5))))));
}

function restart() {
  const rate = field("rate"), w = field("start-w"), b = field("start-b");
  if (!(rate > 0) || !Number.isFinite(w) || !Number.isFinite(b)) {
    byId("readout").textContent = "The learning rate must be a positive number, the start two numbers.";
    return;
  }
  byId("run").querySelector("[value='anew']").hidden = false;
  byId("run").value = "anew";
  choose(anew(w, b, rate, ANEW_STEPS), Number(byId("at").value));
}

function step(by) {
  byId("at").value = Number(byId("at").value) + by;
  show();
}

function play(on) {
  clearInterval(timer);
  const at = byId("at");
  if (on && at.value === at.max) at.value = 0;
  timer = on ? setInterval(() => { step(1); if (at.value === at.max) play(false); }, 400) : null;
  byId("play").setAttribute("aria-pressed", String(on));
  byId("play").textContent = on ? "Pause" : "Play";
}

unpacked("data").then((text) => {
  shown = JSON.parse(text);
  byId("choices").addEventListener("submit", (event) => event.preventDefault());
  byId("run").addEventListener("change", ({ target }) => { if (target.value !== "anew") choose(shown.runs[Number(target.value)]); });
  byId("at").addEventListener("input", () => { play(false); show(); });
  byId("back").addEventListener("click", () => step(-1));
  byId("on").addEventListener("click", () => step(1));
  byId("play").addEventListener("click", () => play(timer === null));
  choose(shown.runs[0]);
  if (shown.data) {
    for (const id of ["rate", "start-w", "start-b"]) byId(id).addEventListener("change", restart);
    const place = byId("chart-contours");
    const listen = setInterval(() => { // the element has its `on` once Plotly drew it
      if (!place.on) return;
      clearInterval(listen);
      place.on("plotly_click", ({ points: [{ x, y }] }) => {
        byId("start-w").value = Number(x.toPrecision(4));
        byId("start-b").value = Number(y.toPrecision(4));
        restart();
      });
    }, 200);
  }
  document.documentElement.dataset.ready = "yes"; // for tests
});
