// A name is chosen by pointing or focus: what it is made of and what uses it are marked, its certified values shown.

let told = null; // the unpacked data

function reach(name, next) {
  const found = new Set();
  const visit = (one) => { for (const other of next(one)) if (!found.has(other)) { found.add(other); visit(other); } };
  visit(name);
  return found;
}
const madeOf = (name) => told.depends[name] ?? [];
const usedBy = (name) => Object.keys(told.depends).filter((target) => told.depends[target].includes(name));

function choose(name) {
  const from = reach(name, madeOf), to = reach(name, usedBy);
  for (const place of document.querySelectorAll("[data-name]")) {
    const here = place.dataset.name;
    const role = here === name ? "it" : from.has(here) ? "from" : to.has(here) ? "to" : null;
    if (role) place.dataset.role = role;
    else delete place.dataset.role;
  }
  byId("chosen").textContent = `${name} ${told.arrays[name]?.shape ?? ""}`;
  byId("told").replaceChildren(...describe(name, from, to));
}

function leave() {
  for (const place of document.querySelectorAll("[data-name][data-role]")) delete place.dataset.role;
  byId("chosen").textContent = "Point at a name";
  byId("told").replaceChildren(element("p", {}, "What it is made of, what uses it, and its certified values come here."));
}

function describe(name, from, to) {
  const array = told.arrays[name];
  const beyond = [...from].filter((one) => !madeOf(name).includes(one));
  const sentence = (text) => element("p", {}, text);
  const said = [sentence(array.what)];
  if (madeOf(name).length) said.push(sentence(`made of ${madeOf(name).join(", ")}${beyond.length ? `; through them of ${beyond.join(", ")}` : ""}`));
  if (to.size) said.push(sentence(`used by ${usedBy(name).join(", ")}${to.size > usedBy(name).length ? `; through them by ${[...to].filter((one) => !usedBy(name).includes(one)).join(", ")}` : ""}`));
  if (array.entries) said.push(entries(name, array));
  return said;
}

function entries(name, array) {
  const heads = array.certified ? ["entry", "computed", "certified", "±"] : ["entry", "value"];
  const rows = array.entries.map(([index, value, certified, radius]) => element("tr", {},
    element("th", { scope: "row" }, index || name), element("td", { class: "value" }, value),
    certified === undefined ? null : element("td", { class: "value" }, certified), radius === undefined ? null : element("td", {}, radius)));
  return element("table", {}, element("caption", {}, array.certified ? "Computed in float64 beside the certified value" : "As float64 has it"),
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, ...rows));
}

for (const event of ["pointerover", "focusin"]) {
  document.addEventListener(event, ({ target }) => {
    const name = target.closest?.("[data-name]")?.dataset.name;
    if (told && name && told.arrays[name]) choose(name);
  });
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });

// The descent of a regression: its data, and the line or the predictions at a step.
function show(step) {
  const { w, b, loss, y_hat } = told.moves.steps[step];
  const { x, y } = told.moves;
  byId("step-at").textContent = step;
  byId("readout").textContent = `loss ${figure(loss, 5)}   w ${[w].flat(2).map((v) => figure(v, 4)).join(", ")}   b ${figure(b, 4)}`;
  const residuals = { mode: "lines", line: { color: "#d08a1f", dash: "dot", width: 1.5 }, name: "y_hat - y", hoverinfo: "skip",
    x: (x ?? y).flatMap((v) => [v, v, null]), y: y.flatMap((v, j) => [x ? v : y[j], y_hat[j], null]) };
  const span = x ?? [...y, ...told.moves.steps.flatMap((one) => one.y_hat)];
  const ends = [Math.min(...span) - 0.2, Math.max(...span) + 0.2];
  const line = { mode: "lines", name: x ? "y_hat = w * x + b" : "y_hat = y", line: { color: "#4a7fd6", width: 2.5 }, x: ends, y: x ? ends.map((v) => w * v + b) : ends };
  const points = { mode: "markers", name: x ? "data" : "examples", marker: { color: "#3d9a6c", size: 10, symbol: "diamond" }, x: x ?? y, y: x ? y : y_hat };
  const heights = [...y, ...told.moves.steps.flatMap((one) => one.y_hat)];
  chart("chart-fit", [residuals, line, points], {
    xaxis: { title: { text: x ? "x" : "y" }, range: ends },
    yaxis: { title: { text: x ? "y" : "y_hat" }, range: [Math.min(...heights) - 0.3, Math.max(...heights) + 0.3] },
  });
}

let timer = null;
function play(on) {
  const slider = byId("step");
  clearInterval(timer);
  timer = on ? setInterval(() => {
    if (Number(slider.value) >= Number(slider.max)) play(false);
    else { slider.value = Number(slider.value) + 1; show(Number(slider.value)); }
  }, 350) : null;
  if (on && slider.value === slider.max) { slider.value = 0; show(0); }
  byId("play").setAttribute("aria-pressed", String(on));
  byId("play").textContent = on ? "Pause" : "Play";
}

unpacked("data").then((text) => {
  told = JSON.parse(text);
  if (told.moves) {
    byId("step").addEventListener("input", (event) => { play(false); show(Number(event.target.value)); });
    byId("play").addEventListener("click", () => play(timer === null));
    byId("moves").addEventListener("submit", (event) => event.preventDefault());
    show(0);
  }
  document.documentElement.dataset.ready = "yes"; // for tests
});
