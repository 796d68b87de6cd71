// Builds elements. Text becomes text nodes, never markup, so that whatever stands in an event can be shown.

/**
 * Make an element. Children are elements, text, or lists of them; null and false are left out. `style` takes an object,
 * `on` takes listeners by event; other attributes that are null or false are left out.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") Object.entries(value).forEach(([key, one]) => element.style.setProperty(key, one));
    else if (name === "on")
      Object.entries(value).forEach(([event, listener]) => element.addEventListener(event, listener));
    else if (value !== null && value !== false && value !== undefined)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined),
  );
  return element;
}

/** Make a section with a heading. */
export function section(title, ...children) {
  const id = `section-${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), children);
}

/**
 * Make a table; a column is `[title, cell of a row]`, with "number" as a third element where figures stand, and the value
 * by which it is sorted as a fourth where the cell's text is not in order. A title that is a text sorts by its column; an
 * element stays as it is. The rows that are shown can be saved as CSV.
 */
export function table(caption, columns, rows, attributes = () => ({})) {
  const kind = (column) => (column[2] ? { class: column[2] } : {});
  const body = h(
    "tbody",
    {},
    rows.map((row) =>
      h(
        "tr",
        attributes(row),
        columns.map((column) => h("td", kind(column), column[1](row))),
      ),
    ),
  );
  const lines = [...body.rows].map((line, index) => ({ line, row: rows[index] }));
  const heads = columns.map((column) => h("th", { scope: "col", ...kind(column) }, column[0]));
  heads.forEach((head, index) => {
    if (rows.length < 2 || typeof columns[index][0] !== "string" || columns[index][0] === "") return;
    head.replaceChildren(
      h("button", { class: "sort", type: "button", on: { click: () => sort(index) } }, columns[index][0]),
    );
  });

  function sort(index) {
    const before = heads[index].getAttribute("aria-sort");
    const isUp = before === null ? columns[index][2] !== "number" : before === "descending";
    const values = new Map(lines.map(({ line, row }) => [line, sortValue(columns[index], line.cells[index], row)]));
    const order = (a, b) => (values.get(a.line) < values.get(b.line) ? -1 : values.get(a.line) > values.get(b.line));
    lines.sort((a, b) => (isUp ? order(a, b) : order(b, a)));
    body.append(...lines.map(({ line }) => line));
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[index].setAttribute("aria-sort", isUp ? "ascending" : "descending");
  }

  const scrolled = h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, heads)), body),
  );
  const save = () => download(caption, [heads, ...[...body.rows].map((line) => [...line.cells])]);
  const button = h("button", { type: "button", on: { click: save } }, "Save as CSV");
  return h("div", {}, scrolled, rows.length > 0 && h("p", { class: "save" }, button));
}

function sortValue([, , kind, value], cell, row) {
  if (value) return value(row) ?? -Infinity;
  const text = cell.innerText.trim();
  if (kind !== "number") return text.toLowerCase();
  const figure = Number.parseFloat(text.replaceAll(/[^0-9.−-]/g, "").replace("−", "-"));
  return Number.isNaN(figure) ? -Infinity : figure;
}

/** Save cells as a file; a spreadsheet takes none of them for a formula. */
function download(name, lines) {
  const cell = ({ innerText }) => {
    const text = innerText.trim().replaceAll("\u00a0", " ");
    const isFormula = /^[=+@\t\r-]/.test(text) && !/^[+-][0-9.,]+%?$/.test(text);
    return `"${(isFormula ? `'${text}` : text).replaceAll('"', '""')}"`;
  };
  const text = lines.map((cells) => cells.map(cell).join(",")).join("\r\n");
  const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = h("a", { href, download: `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_")}.csv` });
  document.body.append(link);
  link.click();
  link.remove();
  URL.revokeObjectURL(href);
}

/** Make a row of figures with their names; each is `[name, figure, remark, kind]`. */
export function tiles(...figures) {
  const tile = ([name, figure, remark, kind]) =>
    h(
      "div",
      { class: `tile ${kind ?? ""}` },
      h("dt", {}, name),
      h("dd", {}, figure),
      remark && h("dd", { class: "remark" }, remark),
    );
  return h("dl", { class: "tiles" }, figures.map(tile));
}

/** Make a bar of parts; each is `[name, value, kind]`. It is read out as one sentence. */
export function bar(label, parts, total, number) {
  const shown = parts.filter(([, value]) => value > 0);
  const text = (name, value) => `${name} ${number(value)}`;
  return h(
    "div",
    {
      class: "bar",
      role: "img",
      "aria-label": `${label}: ${shown.map(([name, value]) => text(name, value)).join(", ") || "nothing"}`,
    },
    shown.map(([name, value, kind]) =>
      h("span", { class: `part ${kind}`, title: text(name, value), style: { "flex-grow": value / (total || 1) } }),
    ),
  );
}

/** Make a notice that takes the place of something that can't be shown. */
export function notice(title, text, kind = "empty") {
  return h(
    "div",
    { class: `notice ${kind}`, role: kind === "empty" ? "status" : "alert" },
    h("strong", {}, title),
    h("p", {}, text),
  );
}
