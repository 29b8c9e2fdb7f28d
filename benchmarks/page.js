// The benchmarks' page: its figures drawn, and a cell's table opened by its link.

function openLinked() {
  const place = location.hash.startsWith("#cell-") && byId(decodeURIComponent(location.hash.slice(1)));
  if (!place) return;
  place.open = true;
  place.scrollIntoView();
  place.querySelector("summary").focus({ preventScroll: true });
}

begin((figures) => {
  for (const [name, { traces, layout }] of Object.entries(figures)) chart(`chart-${name}`, traces, layout);
  openLinked();
  addEventListener("hashchange", openLinked);
});
