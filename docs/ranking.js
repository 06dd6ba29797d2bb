// The ranking's table: a heading sorts the rows by its column, first from high to low; unknown cells stay last.
const heads = [...document.querySelectorAll("table.ranking thead tr:last-child th")];
heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => {
  const sign = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
  const body = head.closest("table").tBodies[0], value = row => row.cells[place + 1].dataset.value;
  const compare = (a, b) => isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
  body.append(...[...body.rows].sort((a, b) => !value(a) - !value(b) || sign * compare(value(a), value(b))));
  heads.forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
}));
