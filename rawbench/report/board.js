const page = JSON.parse(document.getElementById("page-data").textContent), views = [];
drawCharts(page.charts, page.sets, view => views.push(view));
document.querySelectorAll("table").forEach(makeSortable);
// Boards of other datasets or renditions are put away.
const filters = Array.from(document.querySelectorAll("select.filter"));
function filter() {
  const boards = Array.from(document.querySelectorAll("section.board"));
  const wanted = Object.fromEntries(filters.map(select => [select.dataset.by, select.value]));
  boards.forEach(board => {
    board.hidden = Boolean((wanted.dataset && board.dataset.dataset !== wanted.dataset)
      || (wanted.rendition && !board.dataset.renditions.split(" ").includes(wanted.rendition)));
  });
  const shown = boards.filter(board => !board.hidden).length;
  document.querySelector("header output").textContent = shown + " of " + boards.length + " tables";
  views.forEach(view => view.resize().runAsync());
}
filters.forEach(select => select.addEventListener("change", filter));
if (filters.length) filter();
addEventListener("beforeprint", () => views.forEach(view => view.resize().run()));
