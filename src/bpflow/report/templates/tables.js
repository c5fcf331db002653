"use strict";
// Tables of more than a few rows are sorted by a click on a header; long ones are filtered by words, checks by verdict.
(() => {
  const SORTED_FROM = 4;
  const FILTERED_FROM = 11;
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  function element(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  // What a row is sorted by in a column; a cell may span several.
  function keyOf(row, column) {
    let end = 0;
    const cell = [...row.cells].find((item) => (end += item.colSpan) > column);
    const text = cell.textContent.trim();
    return { value: Number(cell.dataset.value ?? NaN), text, absent: text === "—" || text === "" };
  }

  // Any text counts as more than any number, as in a spreadsheet; what is absent is last either way.
  function compare(a, b, direction) {
    if (a.absent || b.absent) return a.absent - b.absent;
    const [first, second] = [a, b].map((key) => Number.isNaN(key.value));
    if (first !== second) return direction * (first - second);
    return direction * (first ? words.compare(a.text, b.text) : a.value - b.value);
  }

  function sortable(table, rows) {
    const headers = [...table.tHead.rows[0].cells];
    headers.forEach((header, column) => {
      const button = element("button", { type: "button" }, ...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
        const next = { ascending: "descending", descending: null }[header.ariaSort];
        const order = next === undefined ? "ascending" : next;
        headers.forEach((other) => (other.ariaSort = other === header ? order : null));
        const direction = order === "descending" ? -1 : 1;
        const keys = new Map(rows.map((row) => [row, keyOf(row, column)]));
        const sorted = order ? rows.toSorted((a, b) => compare(keys.get(a), keys.get(b), direction)) : rows;
        table.tBodies[0].append(...sorted);
      });
    });
  }

  function filterable(table, rows) {
    const caption = table.caption.textContent.trim();
    const verdicts = [...new Set(rows.map((row) => row.dataset.verdict).filter(Boolean))];
    const texts = new Map(rows.map((row) => [row, [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase()]));
    const wanted = new Set();
    const box = element("input", { type: "search", autocomplete: "off" });
    const count = element("span", { className: "count" });
    count.setAttribute("role", "status");
    const tools = element("div", { className: "tools" });
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", `Filter: ${caption}`);

    function apply() {
      const asked = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = texts.get(row);
        const fits = (!wanted.size || wanted.has(row.dataset.verdict)) && asked.every((word) => text.includes(word));
        row.hidden = !fits;
        shown += fits;
      }
      const all = rows.length.toLocaleString("en");
      tools.classList.toggle("filtered", shown < rows.length);
      count.textContent = shown === rows.length ? `${all} rows` : `${shown.toLocaleString("en")} of ${all} rows`;
    }

    for (const verdict of verdicts.length > 1 ? verdicts : []) {
      const number = rows.filter((row) => row.dataset.verdict === verdict).length;
      const button = element("button", { type: "button", className: verdict, ariaPressed: "false" }, `${verdict} ${number}`);
      button.addEventListener("click", () => {
        const pressed = !wanted.delete(verdict);
        if (pressed) wanted.add(verdict);
        button.ariaPressed = String(pressed);
        apply();
      });
      tools.append(button);
    }
    if (rows.length >= FILTERED_FROM) tools.append(element("label", {}, "Filter ", box));
    if (!tools.childElementCount) return;
    box.addEventListener("input", apply);
    tools.append(count);
    apply();
    table.closest(".scroll").before(tools);
  }

  for (const table of document.querySelectorAll("main .scroll > table")) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length >= SORTED_FROM) sortable(table, rows);
    filterable(table, rows);
  }
})();
