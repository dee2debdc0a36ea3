"use strict";
// Sorting, hover and folding. The page can be read without any of it.
(() => {
  const value = (row, column) => {
    const cell = row.cells[column];
    const key = cell.dataset.sort;
    return key === undefined ? cell.textContent.trim() : Number(key);
  };

  // Numbers before texts, and cells without a value last, whatever the direction.
  const isEmpty = (v) => v === "" || v === "–";
  const compare = (a, b, sign) => {
    if (isEmpty(a) || isEmpty(b)) return isEmpty(a) - isEmpty(b);
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  };

  const sort = (table, column, header) => {
    const sign = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row, column), row]);
    rows.sort(([a], [b]) => compare(a, b, sign));
    body.append(...rows.map(([, row]) => row));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...header.childNodes);
      button.addEventListener("click", () => sort(table, column, header));
      header.append(button);
    });
  }

  for (const tools of document.querySelectorAll(".tools")) {
    tools.hidden = false;
    tools.addEventListener("click", (event) => {
      const open = event.target.dataset.open;
      if (open === undefined) return;
      for (const details of document.querySelectorAll("details.case")) details.open = open === "true";
    });
  }

  // A link to a case opens it.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (target && target.matches("details")) target.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();

  // The title of a point, at once and also under a finger.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const show = (event) => {
    const point = event.target.closest?.(".pt");
    const title = point?.querySelector("title")?.textContent ?? point?.dataset.tip;
    tip.hidden = !title;
    if (!title) return;
    tip.textContent = title;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, room))}px`;
    const above = event.clientY - tip.offsetHeight - 12;
    tip.style.top = `${above < 8 ? event.clientY + 16 : above}px`;
  };
  document.addEventListener("pointerover", show);
  document.addEventListener("pointerdown", show);
  addEventListener("scroll", () => (tip.hidden = true), { passive: true, capture: true });
})();
