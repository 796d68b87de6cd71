// The lists behind Traffic: all hosts or sites, the referrers of a host, and its windows.
import { address, ask, parameter, range } from "./address.js";
import { h, notice, section, table } from "./dom.js";
import { change, minute, number, percent, zone } from "./format.js";

const ASKED = ["of", "search", "host", "referrer", "no_referrer", "empty_referrer", "sort", "reverse", "against", "page"];
const wanted = () => Object.fromEntries(ASKED.map((name) => [name, parameter(name)]));

export async function list() {
  const data = await ask("list", { ...range(), ...wanted() });
  const { page, ...file } = { ...range(), ...wanted() };
  const asked = new URLSearchParams(Object.entries(file).filter(([, value]) => value !== ""));
  if (data.rows.length === 0) return [way(), notice("Nothing in this list", "Choose a longer range or an earlier page.")];
  const columns = data.columns.flatMap((name) => COLUMNS[name]?.(data) ?? []);
  return [
    way(),
    section(
      title(data),
      table(`${title(data)}, ${number(data.found)} in all`, columns, data.rows),
      h(
        "p",
        { class: "pages" },
        data.page > 0 && h("a", { href: address({ page: data.page - 1 || null }) }, "Previous page"),
        h("span", {}, `Page ${number(data.page + 1)} of ${number(data.pages)}, ${number(data.found)} rows`),
        data.page + 1 < data.pages && h("a", { href: address({ page: data.page + 1 }) }, "Next page"),
        h("a", { href: `api/list.csv?${asked}`, download: `${parameter("of")}.csv` }, "All rows as CSV"),
      ),
    ),
  ];
}

/** The way back: from windows to the referrers of the host, and to all hosts. */
function way() {
  const up = { view: "list", referrer: null, no_referrer: null, empty_referrer: null, sort: null, reverse: null, page: null };
  const links = [h("a", { href: address({ ...up, view: "traffic", of: null, host: null }) }, "Traffic")];
  if (parameter("host")) links.push(h("a", { href: address({ ...up, of: "hosts", host: null }) }, "Hosts"));
  if (parameter("of") === "windows")
    links.push(h("a", { href: address({ ...up, of: "referrers" }) }, `Referrers of ${parameter("host")}`));
  return h("nav", { "aria-label": "Way back", class: "pages" }, links);
}

function title({ rows }) {
  const of = parameter("of");
  if (of === "hosts") return parameter("search") ? `Hosts with “${parameter("search")}”` : "All hosts";
  if (of === "sites") return "All referring sites";
  if (of === "referrers") return `Referrers of ${parameter("host")}`;
  const referrer = parameter("no_referrer") ? " without a referrer" : parameter("referrer") && ` from ${rows[0].referrer}`;
  return `Windows of ${parameter("host")}${referrer}`;
}

/** A title that sorts the whole list on the server; once more turns the order round. */
function head(name, text, number) {
  const [sort, isReverse] = [parameter("sort", "hits"), parameter("reverse") === "true"];
  const isChosen = sort === name;
  const href = address({ sort: name, reverse: isChosen && !isReverse ? "true" : null, page: null });
  const arrow = isChosen ? ((name === "name") !== isReverse ? " ▲" : " ▼") : "";
  return h("a", { href, "aria-label": `Sort by ${text}` }, text + (number || isChosen ? arrow : ""));
}

const named = (value, none) => (value === null ? h("em", {}, none) : value === "" ? h("em", {}, "empty") : value);
const fresh = { sort: null, reverse: null, page: null };

const COLUMNS = {
  host: () => [
    [
      head("name", "Host"),
      (row) => h("a", { href: address({ ...fresh, of: "referrers", host: row.host, search: null }) }, row.host),
    ],
  ],
  site: () => [[head("name", "Site, of all hosts"), (row) => named(row.site, "no referrer")]],
  referrer: () =>
    parameter("of") === "windows"
      ? [["Referrer", (row) => named(row.referrer, "no referrer")]]
      : [
          [
            head("name", "Referrer"),
            (row) =>
              h(
                "a",
                {
                  href: address({
                    ...fresh,
                    of: "windows",
                    referrer: row.referrer,
                    no_referrer: row.referrer === null ? "true" : null,
                    empty_referrer: row.referrer === "" ? "true" : null,
                    sort: "name",
                  }),
                },
                named(row.referrer, "no referrer"),
              ),
          ],
        ],
  window_start: () => [[head("name", `Window (${zone})`), (row) => minute(row.window_start)]],
  hits: () => [[head("hits", "Hits", true), (row) => number(row.hits), "number"]],
  share: () => [["Share", (row) => percent(row.share), "number", (row) => row.share]],
  hits_before: (data) => [
    [
      head("change", data.against === "week" ? "Change in a week" : "Change", true),
      (row) => change(row.hits_before, row.hits),
      "number",
    ],
  ],
};
