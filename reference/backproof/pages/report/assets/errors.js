// How the errors of the listed cells lie below their bounds, by dtype: a chart, and its numbers as a table.

const DASHES = ["solid", "dash", "dot", "dashdot"];
const HUES = ["#4a7fd6", "#d08a1f", "#3d9a6c", "#b0569f"]; // told apart by dashes too
const STEP = 0.25; // of a bin, in powers of ten
const ENDS = [-20, 24]; // the outermost bins, which take what lies beyond them
const WIDTHS = ["float64", "float32", "bfloat16", "float16"];

function drawErrors(cells) {
  const unordered = new Map();
  for (const cell of cells) {
    for (const tensor of cell.tensors) {
      if (tensor[5] === null || tensor[5] === "nan") continue;
      if (!unordered.has(cell.dtype)) unordered.set(cell.dtype, []);
      unordered.get(cell.dtype).push(tensor[5] === "inf" ? Infinity : tensor[5]);
    }
  }
  const shares = new Map([...unordered].sort(([a], [b]) => WIDTHS.indexOf(a) - WIDTHS.indexOf(b)));
  for (const values of shares.values()) values.sort((a, b) => a - b);
  byId("table-errors").tBodies[0].replaceChildren(...[...shares].map(([dtype, values]) => errorRow(dtype, values)));
  const traces = [...shares].map(([dtype, values], at) => histogram(dtype, values, at));
  const places = traces.flatMap(({ x }) => x.map(Math.log10));
  chart("chart-errors", traces, {
    xaxis: { title: { text: "error / likely bound" }, type: "log", nticks: 8, exponentformat: "power", range: [Math.min(-2, ...places), Math.max(0.25, ...places)] },
    yaxis: { title: { text: "share of the dtype's tensors" }, tickformat: ".0%", rangemode: "tozero" },
    shapes: [{ type: "line", x0: 1, x1: 1, yref: "paper", y0: 0, y1: 1 }],
    annotations: [{ x: 0, xref: "x", y: 1, yref: "paper", text: "likely bound", showarrow: false, xanchor: "right", yanchor: "top", xshift: -4 }],
  });
}

function errorRow(dtype, sorted) {
  const at = (part) => figure(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))], 2);
  const exact = sorted.filter((value) => value === 0).length;
  const above = sorted.filter((value) => value > 1).length;
  const told = [sorted.length, exact, at(0.5), at(0.95), figure(sorted[sorted.length - 1], 2), above];
  return element("tr", {}, element("th", { scope: "row" }, dtype), ...told.map((value) => element("td", { class: "number" }, String(value))));
}

function histogram(dtype, sorted, at) {
  const bins = new Map();
  for (const value of sorted.filter((one) => one > 0)) {
    const bin = Math.min(Math.max(Math.floor(Math.log10(value) / STEP), ENDS[0]), ENDS[1]);
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  const last = Math.max(...bins.keys());
  const x = [], y = [];
  for (let bin = Math.min(...bins.keys()); bin <= last + 1; bin++) {
    x.push(10 ** (bin * STEP));
    y.push((bins.get(bin) ?? 0) / sorted.length);
  }
  return {
    name: dtype, x, y, type: "scatter", mode: "lines",
    line: { shape: "hv", color: HUES[at % 4], dash: DASHES[at % 4], width: 2 },
    hovertemplate: "%{y:.1%} from %{x:.2g} of the bound<extra>%{fullData.name}</extra>",
  };
}
