const page = JSON.parse(document.getElementById("page-data").textContent);
const views = [], hidden = new Set();
// One legend for the whole page: real buttons, so that the keyboard and a screen reader have them too.
function apply() {
  const names = Array.from(hidden);
  views.forEach(view => view.signal("hidden", names).runAsync());
  document.querySelectorAll("figure[data-method]").forEach(figure => { figure.hidden = hidden.has(figure.dataset.method); });
}
document.querySelectorAll("#legend button").forEach(button => button.addEventListener("click", () => {
  const method = button.dataset.method;
  if (!hidden.delete(method)) hidden.add(method);
  button.setAttribute("aria-pressed", String(!hidden.has(method)));
  apply();
}));
drawCharts(page.charts, page.sets, view => { views.push(view); if (hidden.size) apply(); });
document.querySelectorAll("table").forEach(makeSortable);
document.querySelectorAll("select[data-board]").forEach(select => select.addEventListener("change", () => {
  setAnchor(select.dataset.board, page.boards[select.dataset.board], Number(select.value));
}));
document.querySelectorAll("section.viewer").forEach(section => makeViewer(section, page.viewers[section.dataset.viewer]));
// Printed charts are as wide as the paper, not as the window.
addEventListener("beforeprint", () => views.forEach(view => view.resize().run()));
