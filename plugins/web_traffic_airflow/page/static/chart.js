// Charts over time, drawn by uPlot: stacked bars and lines, with a tooltip, open ranges and marks.
import { h } from "./dom.js";
import { short, time, zone } from "./format.js";

const HEIGHT = 260;

/** Colour number `index` of the palette, as the theme has it; -1 is that of "all others". */
export const colour = (index) => style(index < 0 ? "--others" : `--series-${(index % 8) + 1}`);

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * Draw a chart and return its element.
 *
 * `at` are seconds since 1970, `series` a list of `{name, values}` with one value for each of them; `colour` names a
 * property of the style sheet, otherwise the palette gives one, and `isRest` that of "all others". `options`: `label`
 * for those who can't see the chart, `stacked`, `bucket` (seconds), `openFrom` (from there on windows are open), `marks`
 * (a Map from a time to a remark), `unit` (writes a value), `steps` (distances between values of the axis),
 * `onZoom(from, to)`.
 */
export function chart(at, series, options) {
  const box = h("div", { class: "plot", role: "img", "aria-label": options.label });
  const tooltip = h("div", { class: "tooltip", hidden: true, "aria-hidden": "true" });
  const frame = h("figure", { class: "chart" }, box, tooltip, legend(series, options));
  let plot = null;

  function draw() {
    plot?.destroy();
    plot = new uPlot(
      settings(at, series, options, tooltip, box.clientWidth || 600),
      plotted(at, series, options.stacked),
      box,
    );
  }

  new ResizeObserver(() =>
    plot === null ? draw() : plot.setSize({ width: box.clientWidth, height: HEIGHT }),
  ).observe(box);
  addEventListener("themechange", () => {
    const swatches = frame.querySelectorAll(".legend .swatch");
    series.forEach((one, index) => swatches[index].style.setProperty("background", colourOf(one, index)));
    draw();
  });
  return frame;
}

const colourOf = (one, index) => (one.colour ? style(one.colour) : colour(one.isRest ? -1 : index));

function legend(series, options) {
  const entry = (one, index) =>
    h("li", {}, h("span", { class: "swatch", style: { background: colourOf(one, index) } }), one.name);
  return h(
    "ul",
    { class: "legend" },
    series.map(entry),
    options.openFrom && h("li", {}, h("span", { class: "swatch open" }), "not closed yet"),
    options.marks?.size > 0 && h("li", {}, h("span", { class: "swatch mark" }), "restated"),
  );
}

/** The data as uPlot takes it. Stacked, each series stands on the ones before it; the highest is drawn first. */
function plotted(at, series, isStacked) {
  if (!isStacked) return [at, ...series.map((one) => one.values)];
  const sums = [];
  for (const one of series) sums.push(one.values.map((value, index) => value + (sums.at(-1)?.[index] ?? 0)));
  return [at, ...sums.reverse()];
}

function settings(at, series, options, tooltip, width) {
  const order = series.map((one, index) => ({ stroke: colourOf(one, index), one }));
  if (options.stacked) order.reverse();
  const drawn = order.map(({ stroke, one }) =>
    options.stacked
      ? {
          label: one.name,
          fill: stroke,
          stroke,
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars({ size: [0.92, 200], align: 1 }),
        }
      : { label: one.name, stroke, width: 2, spanGaps: true, points: { show: at.length < 40, size: 5 } },
  );
  const axis = {
    stroke: style("--muted"),
    grid: { stroke: style("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui",
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: options.onZoom !== undefined, y: false, setScale: false },
    },
    scales: {
      x: { range: () => [at[0], at.at(-1) + (options.stacked ? options.bucket : 0) || at[0] + 1] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] },
    },
    axes: [
      { ...axis, values: (_, places) => places.map(clock), space: 64 },
      {
        ...axis,
        size: 56,
        ...(options.steps && { incrs: options.steps }),
        values: (_, values) => values.map((value) => (Number.isInteger(value) ? (options.unit ?? short)(value) : "")),
      },
    ],
    series: [{}, ...drawn],
    hooks: {
      drawClear: [(plot) => shadeOpen(plot, options.openFrom)],
      draw: [(plot) => drawMarks(plot, at, options)],
      setCursor: [(plot) => showTooltip(plot, at, series, options, tooltip)],
      setSelect: [(plot) => zoom(plot, options)],
    },
  };
}

/** A place on the axis as a time of day; with the date where a day begins, and at the first place. */
function clock(at, index, places) {
  const [day, hour] = [time(at).slice(0, 10), time(at).slice(11, 16)];
  return index > 0 && time(places[index - 1]).startsWith(day) ? hour : `${hour}\n${day}`;
}

function shadeOpen(plot, openFrom) {
  if (!openFrom || openFrom >= plot.scales.x.max) return;
  const left = Math.max(plot.valToPos(openFrom, "x", true), plot.bbox.left);
  plot.ctx.fillStyle = style("--open");
  plot.ctx.fillRect(left, plot.bbox.top, plot.bbox.left + plot.bbox.width - left, plot.bbox.height);
}

function drawMarks(plot, at, { marks, bucket }) {
  const size = 6 * devicePixelRatio;
  plot.ctx.fillStyle = style("--warn");
  for (const mark of marks?.keys() ?? []) {
    if (mark < at[0] || mark > at.at(-1)) continue;
    const centre = plot.valToPos(mark + bucket / 2, "x", true);
    plot.ctx.beginPath();
    plot.ctx.moveTo(centre - size, plot.bbox.top);
    plot.ctx.lineTo(centre + size, plot.bbox.top);
    plot.ctx.lineTo(centre, plot.bbox.top + 1.5 * size);
    plot.ctx.fill();
  }
}

/** The point that the cursor is at, or -1: the nearest one, or the one whose bar the cursor is over. */
function pointAt(plot, at, options) {
  if (plot.cursor.left < 0) return -1;
  if (!options.stacked) return plot.cursor.idx ?? -1;
  const place = plot.posToVal(plot.cursor.left, "x");
  return at.findLastIndex((start) => start <= place);
}

function showTooltip(plot, at, series, options, tooltip) {
  const index = pointAt(plot, at, options);
  tooltip.hidden = index < 0;
  if (tooltip.hidden) return;
  const unit = options.unit ?? ((value) => value.toLocaleString("en-US"));
  const rows = series.map((one, number) => ({ one, number, value: one.values[index] })).filter(({ value }) => value);
  const sum = rows.reduce((total, { value }) => total + value, 0);
  tooltip.replaceChildren(
    h("strong", {}, `${time(at[index]).slice(0, 16)} ${zone}`),
    h(
      "table",
      {},
      h(
        "tbody",
        {},
        rows.map(({ one, number, value }) =>
          h(
            "tr",
            {},
            h(
              "th",
              { scope: "row" },
              h("span", { class: "swatch", style: { background: colourOf(one, number) } }),
              one.name,
            ),
            h("td", {}, unit(value)),
          ),
        ),
        options.stacked && h("tr", { class: "sum" }, h("th", { scope: "row" }, "All"), h("td", {}, unit(sum))),
      ),
    ),
    options.openFrom && at[index] + options.bucket > options.openFrom ? h("p", {}, "Not closed yet") : "",
    options.marks?.has(at[index]) ? h("p", { class: "warn" }, options.marks.get(at[index])) : "",
  );
  const left = plot.cursor.left + plot.bbox.left / devicePixelRatio;
  tooltip.style.setProperty("left", `${Math.min(Math.max(left + 12, 0), plot.width - tooltip.offsetWidth - 4)}px`);
}

function zoom(plot, { onZoom, bucket }) {
  if (!onZoom || plot.select.width < 8) return;
  const from = plot.posToVal(plot.select.left, "x");
  const to = plot.posToVal(plot.select.left + plot.select.width, "x");
  onZoom(Math.floor(from / bucket) * bucket, Math.ceil(to / bucket) * bucket);
}
