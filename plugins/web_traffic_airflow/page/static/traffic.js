// The view Traffic.
import { address, ask, parameter, range } from "./address.js";
import { chart } from "./chart.js";
import { h, notice, section, table, tiles } from "./dom.js";
import { change, minute, number, percent, time, zone } from "./format.js";

export async function traffic() {
  const data = await ask("traffic", { ...range(), search: parameter("search"), against: parameter("against") });
  const before = data.against === "week" ? "a week ago" : "in the range before";
  const search = parameter("search");
  const series = data.series.map(({ host, hits }) => ({
    name: host ?? "all other hosts",
    values: isSplit() ? hits.map((count, index) => (count === 0 && isOpen(data, index) ? null : count)) : hits,
    isRest: host === null,
  }));
  return [
    tiles(
      [
        search ? `Hits of hosts with “${search}”` : "Hits",
        number(data.hits),
        `${minute(data.start)} to ${minute(data.end)}`,
      ],
      ["Change", change(data.hits_before, data.hits), `${number(data.hits_before)} ${before}`],
      ["Closed until", minute(data.sealed_until), "windows until then are final, unless restated"],
      ["Open", number(data.open_hits), "hits in windows that are not closed yet"],
    ),
    Date.parse(data.start) < Date.parse(data.kept_from) &&
      notice(`Windows before ${minute(data.kept_from)} ${zone} were deleted`, "Retention keeps none that are older."),
    searchForm(search),
    comparison(data),
    section(
      `Hits per ${bucketName(data)}`,
      data.hits === 0 ? empty(search, data) : [chartKinds(), hitsChart(data, series), figures(data, series)],
    ),
    h(
      "div",
      { class: "columns" },
      section(
        "Hosts",
        ranking("Hosts with most hits", "Host", data.hosts, hostCell),
        more("hosts", data.hosts_found, "All hosts, sorted and page by page"),
      ),
      section(
        "Referring sites",
        ranking("Sites that referred most hits, to all hosts", "Site, of all hosts", data.sites, siteCell),
        more("sites", data.sites_found, "All sites, sorted and page by page"),
      ),
    ),
  ];
}

const more = (of, found, text) =>
  found > 0 && h("p", {}, h("a", { href: address({ view: "list", of }) }, text), ` (${number(found)})`);

function comparison(data) {
  const link = (title, against) =>
    h("a", { href: address({ against }), "aria-current": (against ?? "before") === data.against && "true" }, title);
  return h(
    "p",
    { class: "choice", role: "group", "aria-label": "Compare with" },
    "Compare with",
    link("the range before", null),
    link("a week ago", "week"),
  );
}

/** Whether windows of a bucket are not closed yet: what is counted of them so far is not all. */
const isOpen = (data, index) => (data.buckets[index] + data.bucket_seconds) * 1000 > Date.parse(data.closed_until);

function bucketName(data) {
  if (data.bucket_seconds === data.window_seconds) return `${data.window_seconds / 60}-minute window`;
  return data.bucket_seconds === 86400 ? "day" : "hour";
}

function searchForm(search) {
  const kept = Object.entries(range()).map(([name, value]) => h("input", { type: "hidden", name, value }));
  return h(
    "form",
    { class: "search", role: "search" },
    kept,
    h("label", { for: "search" }, "Hosts that contain"),
    h("input", {
      id: "search",
      name: "search",
      type: "search",
      value: search,
      autocomplete: "off",
      spellcheck: "false",
    }),
    h("button", {}, "Search"),
    search && h("a", { href: address({ search: null }) }, "All hosts"),
  );
}

const isSplit = () => parameter("chart") === "lines";

function chartKinds() {
  const link = (title, kind, isChosen) =>
    h("a", { href: address({ chart: kind }), "aria-current": isChosen && "true" }, title);
  return h(
    "p",
    { class: "choice", role: "group", "aria-label": "Chart" },
    link("Stacked", null, !isSplit()),
    link("A line for each host", "lines", isSplit()),
  );
}

function hitsChart(data, series) {
  return chart(data.buckets, series, {
    label: `Hits over time: ${number(data.hits)} from ${minute(data.start)} to ${minute(data.end)} ${zone}. The figures follow as a table.`,
    stacked: !isSplit(),
    bucket: data.bucket_seconds,
    openFrom: Date.parse(data.closed_until) / 1000,
    marks: restated(data, series),
    onZoom: (from, to) => location.assign(address({ range: null, from: iso(from), to: iso(to) })),
  });
}

/** What restatements have made of each bucket: hits before, and hits since. */
function restated(data, series) {
  const place = new Map(data.buckets.map((at, index) => [at, index]));
  const since = (at) => series.reduce((sum, one) => sum + (one.values[place.get(at)] ?? 0), 0);
  return new Map(
    data.restated.map(({ at, hits }) => [
      at,
      `Restated: ${number(since(at) - hits)} hits before, ${number(since(at))} since`,
    ]),
  );
}

const iso = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16);

function figures(data, series) {
  const rows = data.buckets.map((at, index) => ({ at, index })).reverse();
  const counted = (count, row) => (count === 0 && isOpen(data, row.index) ? "–" : number(count));
  const columns = [
    [`Window (${zone})`, (row) => time(row.at).slice(0, 16) + (isOpen(data, row.index) ? ", not closed yet" : "")],
    ["All", (row) => counted(series.reduce((sum, one) => sum + (one.values[row.index] ?? 0), 0), row), "number"],
    ...series.map((one) => [one.name, (row) => counted(one.values[row.index] ?? 0, row), "number"]),
  ];
  const box = h("details", {}, h("summary", {}, "The figures as a table"));
  box.addEventListener("toggle", () => box.append(table("Hits over time", columns, rows)), { once: true });
  return box;
}

function ranking(caption, title, rows, cell) {
  if (rows.length === 0) return notice("Nothing in this range", "Choose a longer one.");
  const most = Math.max(...rows.map((row) => row.share ?? 0)) || 1;
  return table(
    caption,
    [
      [title, cell],
      ["Hits", (row) => number(row.hits), "number"],
      [
        "Share",
        (row) =>
          h(
            "span",
            { class: "share" },
            h("span", { class: "meter", style: { width: `${(60 * (row.share ?? 0)) / most}px` } }),
            percent(row.share),
          ),
        "number",
      ],
      ["Change", (row) => change(row.hits_before, row.hits), "number"],
    ],
    rows,
  );
}

const hostCell = (row) => [
  h("a", { href: address({ search: row.host }) }, row.host),
  " ",
  h(
    "a",
    {
      class: "remark",
      href: address({ view: "list", of: "referrers", host: row.host, search: null }),
      "aria-label": `Referrers of ${row.host}`,
    },
    "referrers",
  ),
];
const siteCell = (row) =>
  row.site === null ? h("em", {}, "no referrer") : row.site === "" ? h("em", {}, "empty referrer") : row.site;

function empty(search, data) {
  if (search) return notice("No host found", `No host with “${search}” in its name has hits in this range.`);
  if (data.sealed_until === null)
    return notice(
      "Nothing is counted yet",
      "The first windows appear when a run of the DAG web_traffic has closed them.",
    );
  return notice(
    "No hits in this range",
    `Windows are closed until ${minute(data.sealed_until)} ${zone}: choose another range.`,
  );
}
