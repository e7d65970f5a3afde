// Another anchor for the BD-rates of a table, and for the differences image by image below it.
function setAnchor(index, board, place) {
  document.querySelectorAll('select[data-board="' + index + '"]').forEach(select => { select.value = String(place); });
  setRates(document.querySelector('section.board[data-board="' + index + '"]'), board.rates[place]);
  if (board.images.length) {
    setDifferences(document.querySelector('section.differences[data-board="' + index + '"]'), board, place);
  }
}

function setRates(section, rates) {
  const table = section.querySelector("table");
  const column = Array.from(table.tHead.rows[0].cells).findIndex(cell => cell.textContent.startsWith("BD-rate to "));
  const heading = table.tHead.rows[0].cells[column];
  heading.removeAttribute("aria-sort");
  (heading.querySelector("button") || heading).textContent = rates.heading;
  Array.from(table.tBodies[0].rows).forEach(row => {
    const place = Number(row.dataset.row);
    fill(row.cells[column], rates.cells[place], rates.best.includes(place));
  });
  section.querySelector("ul.rates").replaceChildren(...rates.lines.map(line => element("li", line)));
}

function fill(cell, text, best) {
  cell.replaceChildren(best ? element("b", text) : text);
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function signed(value, sign) {
  if (Number.isNaN(value)) return "-";
  const size = Number.isFinite(value) ? Math.abs(value).toFixed(2) : "inf";
  return (value < 0 || Object.is(value, -0) ? "-" : sign) + size;
}

// The rows of `image_differences`, of qualities that the page has.
function differencesOf(board, place) {
  const others = board.methods.map((_, i) => i).filter(i => i !== place);
  const rows = board.images.map((image, i) => {
    const found = board.qualities[i].map(value => value === null ? NaN : Number(value));
    return { image, at: found[place], gains: others.map(other => found[other] - found[place]) };
  }).filter(row => row.gains.some(Number.isFinite));
  const shown = others.map((_, i) => i).filter(i => rows.some(row => Number.isFinite(row.gains[i])));
  rows.forEach(row => { row.gains = shown.map(i => row.gains[i]); });
  const worst = row => Math.min(...row.gains.filter(Number.isFinite));
  rows.sort((a, b) => worst(a) - worst(b));
  return { methods: shown.map(i => board.methods[others[i]]), rows };
}

function setDifferences(section, board, place) {
  const anchor = board.methods[place], { methods, rows } = differencesOf(board, place);
  section.hidden = !rows.length;
  section.querySelectorAll(".anchor").forEach(name => { name.textContent = anchor; });
  const lines = methods.map((method, i) => {
    const gains = rows.map(row => row.gains[i]).filter(Number.isFinite);
    const better = gains.filter(gain => gain > 0).length, worse = gains.filter(gain => gain < 0).length;
    const ends = signed(Math.min(...gains), "+") + " to " + signed(Math.max(...gains), "+") + " dB";
    return method + ": better than " + anchor + " on " + better + " images, worse on " + worse + "; " + ends;
  });
  section.querySelector("ul.notes").replaceChildren(...lines.map(line => element("li", line)));
  const table = section.querySelector("table"), head = table.tHead.rows[0];
  head.replaceChildren(...["image", anchor + " dB", ...methods].map(title => element("th", title)));
  head.cells[0].className = "left";
  table.tBodies[0].replaceChildren(...rows.map(row => {
    const made = document.createElement("tr"), best = Math.max(...row.gains.filter(Number.isFinite), 0);
    const cells = [row.image, signed(row.at, ""), ...row.gains.map(gain => signed(gain, "+"))];
    made.append(...cells.map((text, i) => {
      const cell = document.createElement("td");
      fill(cell, text, i > 1 && row.gains[i - 2] === best);
      return cell;
    }));
    made.cells[0].className = "left";
    return made;
  }));
  makeSortable(table);
}
