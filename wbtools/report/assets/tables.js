// Tables are sorted by their headings. Without this script they stand in the order in which they were written.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? cell.textContent;
  };
  const compare = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    if (!Number.isNaN(x) && !Number.isNaN(y) && a !== "" && b !== "") return x - y;
    return a.localeCompare(b, undefined, { numeric: true });
  };
  // What is missing stays below, whichever way the others are sorted.
  const missing = (text) => text === "n/a" || text === "";
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const way = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", way);
      const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
      rows.sort(([a], [b]) => {
        if (missing(a) || missing(b)) return missing(a) - missing(b);
        return way === "ascending" ? compare(a, b) : compare(b, a);
      });
      const printed = Number(table.dataset.printed || Infinity);
      rows.forEach(([, row], place) => {
        row.classList.toggle("screen", place >= printed);
        body.append(row);
      });
    });
  });
}
