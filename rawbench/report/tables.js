// Tables that are sorted by a click on a heading: numbers as numbers, what is missing last.
function figureOf(text) {
  const words = { exact: Infinity, anchor: 0 };
  const first = text.replace(/^[>✓✗\s]+/, "").split(/\s+/)[0];
  if (first in words) return words[first];
  return first === "" ? NaN : Number(first.replace(/,/g, ""));
}

function makeSortable(table) {
  Array.from(table.tHead.rows[0].cells).forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sortBy(table, column));
  });
}

function sortBy(table, column) {
  const headings = Array.from(table.tHead.rows[0].cells), body = table.tBodies[0];
  const down = headings[column].getAttribute("aria-sort") === "ascending";
  headings.forEach(heading => heading.removeAttribute("aria-sort"));
  headings[column].setAttribute("aria-sort", down ? "descending" : "ascending");
  const keyed = Array.from(body.rows, row => {
    const text = row.cells[column].textContent.trim();
    return { row, text, figure: figureOf(text) };
  });
  const figures = keyed.some(one => !Number.isNaN(one.figure));
  const order = down ? -1 : 1;
  keyed.sort((a, b) => {
    if (!figures) return order * a.text.localeCompare(b.text, "en", { numeric: true });
    const missing = Number.isNaN(a.figure) - Number.isNaN(b.figure);
    return missing || order * (a.figure > b.figure ? 1 : a.figure < b.figure ? -1 : 0);
  });
  body.append(...keyed.map(one => one.row));
}
