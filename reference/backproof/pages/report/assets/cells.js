// The list of cells: filtered, in the order asked for, opened by link; its state is in the address.

const MARKS = { pass: "✓", skip: "–", inconclusive: "?", fail: "✗", error: "!" };
const GRAVITY = ["error", "fail", "inconclusive", "skip", "pass"];
const KEYS = ["backend", "model", "dtype", "device", "regime", "verdict"];
const AT_ONCE = 100; // rows: 2,944 take a second, and six on a CPU four times slower
const ORDERS = {
  "": (a, b) => GRAVITY.indexOf(a.verdict) - GRAVITY.indexOf(b.verdict),
  error: (a, b) => largest(b) - largest(a) || 0,
  seconds: (a, b) => (b.seconds ?? -1) - (a.seconds ?? -1),
  plan: () => 0,
};
const largest = (cell) => (cell.worst === null ? -1 : cell.worst[1] === "inf" ? Infinity : cell.worst[1]);
const form = byId("filter");
const body = byId("list").tBodies[0];
const narrow = matchMedia("(max-width: 46rem)"); // as in page.css: fewer columns
const columns = () => (narrow.matches ? 3 : 7);
let run = null; // the unpacked data
let found = [];

const anchor = (cell) => `cell-${cell.id}`;
const link = (cell) => `#cell-${encodeURIComponent(cell.id)}`;
const word = (verdict) => (verdict === "fail" || verdict === "error" ? verdict.toUpperCase() : verdict);
const sign = (verdict) =>
  element("span", { class: `verdict ${verdict}` }, element("span", { class: "mark", "aria-hidden": "true" }, MARKS[verdict]), ` ${word(verdict)}`);

// Text that may be broken after an underscore or a colon.
const breakable = (text) => text.split(/(?<=[_:])/).flatMap((part) => [part, element("wbr")]);

function filters() {
  return Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
}

function fill(query) {
  for (const field of form.elements) if (field.name) field.value = query.get(field.name) ?? "";
}

function address(hash) {
  const query = new URLSearchParams(filters()).toString();
  return `${location.pathname}${query && "?"}${query}${hash}`;
}

function remember(hash = location.hash, step = "replaceState") {
  try { history[step](null, "", address(hash)); } catch { /* a page without an address of its own, in a frame */ }
}

function select() {
  const asked = filters();
  const text = (asked.text ?? "").toLowerCase();
  found = run.cells.filter((cell) =>
    KEYS.every((key) => !asked[key] || String(cell[key]) === asked[key])
    && (asked.backend || cell.backend !== run.hidden)
    && (!text || `${cell.id} ${cell.reason ?? ""}`.toLowerCase().includes(text)));
  found.sort(ORDERS[asked.order ?? ""]);
  body.replaceChildren();
  show(AT_ONCE);
  const hidden = !asked.backend && run.hidden && run.cells.some((cell) => cell.backend === run.hidden);
  byId("found").textContent = `${found.length} of ${run.cells.length} cells` + (hidden ? `; those of ${run.hidden} are listed when that backend is chosen` : "");
  drawErrors(found);
}

function show(many) {
  const start = body.querySelectorAll("tr.cell").length;
  body.append(...found.slice(start, start + many).map(row));
  const left = found.length - start - many;
  byId("more").hidden = left <= 0;
  byId("more").textContent = `Show ${Math.min(left, 10 * AT_ONCE)} more of ${left}`;
}

function row(cell) {
  const button = element("button", { type: "button", class: "open", "aria-expanded": "false" }, ...breakable(`${cell.model} ${cell.series}`));
  button.addEventListener("click", () => (button.getAttribute("aria-expanded") === "true" ? close(cell) : open(cell)));
  const time = cell.seconds === null ? "" : cell.seconds < 1 ? `${figure(1000 * cell.seconds, 2)} ms` : `${figure(cell.seconds)} s`;
  return element("tr", { class: "cell", id: anchor(cell) },
    element("td", {}, sign(cell.verdict)),
    element("th", { scope: "row" }, button, element("span", { class: "small" }, `${cell.dtype} ${cell.shape} ${cell.regime}`)),
    element("td", { class: "wide-only" }, cell.dtype), element("td", { class: "wide-only" }, cell.shape), element("td", { class: "wide-only" }, cell.regime),
    element("td", { class: "number" }, figure(cell.worst?.[1])), element("td", { class: "number wide-only" }, time));
}

function open(cell) {
  const summary = byId(anchor(cell));
  const button = summary.querySelector("button");
  if (button.getAttribute("aria-expanded") === "true") return button;
  const inside = element("td", { colspan: columns() }, ...contents(cell));
  summary.after(element("tr", { class: `opened edge-${cell.verdict}`, id: `inside-${cell.id}` }, inside));
  button.setAttribute("aria-expanded", "true");
  button.setAttribute("aria-controls", `inside-${cell.id}`);
  remember(link(cell));
  return button;
}

function close(cell) {
  byId(`inside-${cell.id}`).remove();
  const button = byId(anchor(cell)).querySelector("button");
  button.setAttribute("aria-expanded", "false");
  button.removeAttribute("aria-controls");
  if (location.hash === link(cell)) remember("");
}

function contents(cell) {
  const others = run.cells.filter((other) => other !== cell && other.backend !== run.hidden
    && ["model", "dtype", "shape", "regime"].every((key) => other[key] === cell[key]));
  const asked = [["backend", run.specs[cell.backend] ?? cell.backend], ["model", run.files[cell.model] ?? cell.model], ["dtype", cell.dtype]];
  if (cell.device !== "cpu") asked.push(["device", cell.device]);
  return [
    element("h3", {}, element("a", { href: link(cell) }, cell.id)),
    element("ul", { class: "why" }, ...cell.why.map((sentence) => element("li", {}, sentence))),
    cell.tensors.length ? tensorTable(cell) : null,
    others.length ? element("h4", {}, "The same problem in other series, with their error / bound") : null,
    others.length ? element("ul", { class: "others" }, ...others.map((other) => element("li", {}, sign(other.verdict), " ",
      element("a", { href: link(other) }, `${other.series}${other.device === cell.device ? "" : ` on ${other.device}`}`), ` ${figure(other.worst?.[1], 2)}`))) : null,
    element("h4", {}, "Its part of the matrix, run again"),
    element("code", { class: "command" }, "backproof conform", ...asked.map(([option, value]) => element("span", {}, ` --${option} ${value}`))),
  ].filter((part) => part !== null);
}

function tensorTable(cell) {
  const heads = ["tensor", "verdict", "error", "likely bound", "rigorous bound", "error / bound", "resolution", "at", "yours", "truth"];
  const number = (name) => !["tensor", "verdict"].includes(name);
  const rows = cell.tensors.map(([name, verdict, error, likely, rigorous, share, resolution, place, actual, expected, , resolved]) => {
    const told = [figure(error), figure(likely), figure(rigorous), figure(share), figure(resolution), place?.length ? `[${place}]` : "", figure(actual, 17), expected ?? ""];
    const title = resolved === null ? null : `${figure(100 * resolved)}% of its components show a fault of half their size`;
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, sign(verdict)),
      ...told.map((text, at) => element("td", { class: "number", title: at === 4 ? title : null }, text)));
  });
  const radius = Math.max(...cell.tensors.map((tensor) => Number(tensor[10] ?? 0)));
  const caption = `Every tensor, at the component with the largest error / bound. The truth is certified to ± ${figure(radius)}; its digits shown are rounded`;
  const table = element("table", {}, element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...heads.map((name) => element("th", { scope: "col", class: number(name) ? "number" : null }, name)))),
    element("tbody", {}, ...rows));
  return element("div", { class: "scroller", role: "region", "aria-label": `Tensors of ${cell.id}`, tabindex: "0" }, table);
}

// The cell that the address names: listed, if need be by leaving the filter, opened and shown.
function follow() {
  if (!location.hash.startsWith("#cell-")) return;
  const id = decodeURIComponent(location.hash.slice(6));
  const cell = run.cells.find((one) => one.id === id);
  if (!cell) { byId("found").textContent = `There is no cell ${id} on this page.`; return; }
  if (!found.includes(cell)) {
    fill(new URLSearchParams(cell.backend === run.hidden ? { backend: cell.backend } : {}));
    select();
  }
  const missing = found.indexOf(cell) + 1 - body.querySelectorAll("tr.cell").length;
  if (missing > 0) show(missing + 10);
  const button = open(cell);
  byId(anchor(cell)).scrollIntoView({ block: "start" });
  button.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("a[href]")?.getAttribute("href") ?? "";
  if (event.ctrlKey || event.metaKey || event.shiftKey || run === null) return;
  if (target.startsWith("?")) {
    event.preventDefault();
    fill(new URLSearchParams(target.slice(1).split("#")[0]));
    remember("#cells", "pushState");
    select();
    byId("cells").scrollIntoView();
    byId("cells").focus({ preventScroll: true });
  } else if (target.startsWith("#cell-") && target === location.hash) {
    event.preventDefault();
    follow();
  }
});
narrow.addEventListener("change", () => {
  for (const inside of body.querySelectorAll(".opened > td")) inside.colSpan = columns();
});
addEventListener("hashchange", follow);
addEventListener("popstate", () => { fill(new URLSearchParams(location.search)); select(); });
form.addEventListener("input", () => { remember(""); select(); });
form.addEventListener("reset", () => setTimeout(() => { remember(""); select(); }));
form.addEventListener("submit", (event) => event.preventDefault());
byId("more").addEventListener("click", () => show(10 * AT_ONCE));

begin((data) => {
  run = data;
  fill(new URLSearchParams(location.search));
  select();
  follow();
});
