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

/** Make a table; a column is `[title, cell of a row]`, with "number" as a third element where figures stand. */
export function table(caption, columns, rows, attributes = () => ({})) {
  const kind = (column) => (column[2] ? { class: column[2] } : {});
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((column) => h("th", { scope: "col", ...kind(column) }, column[0])),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            attributes(row),
            columns.map((column) => h("td", kind(column), column[1](row))),
          ),
        ),
      ),
    ),
  );
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
