"use strict";
// Shared by the pages: data unpacked, elements made of text alone, charts in the page's own colours.

const byId = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

// A page's own beginning, once its data are unpacked.
async function begin(shown) {
  try {
    shown(JSON.parse(await unpacked("data")));
    document.documentElement.dataset.ready = "yes"; // for tests
  } catch (error) {
    byId("main").prepend(element("p", { class: "notice" }, `The page's data cannot be unpacked here; a browser of 2023 or later can (${error}).`));
    throw error;
  }
}

function figure(number, digits = 3) {
  if (number === null || number === undefined) return "";
  const value = Number(number);
  if (!Number.isFinite(value)) return String(number);
  return value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
    ? value.toExponential(digits - 1)
    : String(Number(value.toPrecision(digits)));
}

// Plotly is large: it is unpacked when the first chart comes near.
let plotly = null;
function loadPlotly() {
  plotly ??= unpacked("plotly").then((source) => {
    document.head.append(element("script", {}, source));
    return window.Plotly;
  });
  return plotly;
}

const drawn = new Map(); // by element: the chart's traces and layout
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); drawn.get(entry.target).shown = true; paint(entry.target); }
}, { rootMargin: "300px" });

function chart(id, traces, layout) {
  const place = byId(id);
  const before = drawn.get(place);
  drawn.set(place, { traces, layout, shown: Boolean(before?.shown) });
  if (before?.shown) paint(place);
  else near.observe(place);
}

async function paint(place) {
  const library = await loadPlotly();
  const { traces, layout } = drawn.get(place);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true };
  const axes = {};
  for (const key of Object.keys(layout)) if (/^[xy]axis/.test(key)) axes[key] = { ...axis, ...layout[key] };
  const shapes = (layout.shapes ?? []).map((shape) => ({ ...shape, line: { color: colour("quiet"), width: 1, dash: "dash", ...shape.line } }));
  const ground = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("text") },
    margin: { l: 8, r: 12, t: 8, b: 8 }, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("line"), font: { color: colour("text") } },
  };
  library.react(place, traces, { ...ground, ...layout, ...axes, shapes }, { responsive: true, displayModeBar: false });
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [place, { shown }] of drawn) if (shown) paint(place);
});
