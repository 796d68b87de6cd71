// Shows the view that the address names.
import { address, parameter, range } from "./address.js";
import { alerts } from "./alerts.js";
import { h, notice } from "./dom.js";
import { minute, toUtc, zone } from "./format.js";
import { list } from "./list.js";
import { pipeline } from "./pipeline.js";
import { quality } from "./quality.js";
import { rejected } from "./rejected.js";
import { restatements } from "./restatements.js";
import { run } from "./run.js";
import { showState } from "./state.js";
import { traffic } from "./traffic.js";

const VIEWS = {
  traffic: ["Traffic", traffic],
  pipeline: ["Pipeline", pipeline],
  quality: ["Quality", quality],
  rejected: ["Rejected events", rejected],
  restatements: ["Restatements", restatements],
  alerts: ["Alerts", alerts],
  list: ["List", list],
  run: ["Start a run", run],
};
const UNLISTED = ["list", "run"];
const RANGES = { "1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days" };
const SLOW_MS = 150;

const chosen = VIEWS[parameter("view", "traffic")] ? parameter("view", "traffic") : "traffic";

function showViews() {
  const link = ([name, [title]]) =>
    h(
      "a",
      { href: address({ view: name }, new URLSearchParams(range())), "aria-current": name === chosen && "page" },
      title,
    );
  const listed = Object.entries(VIEWS).filter(([name]) => !UNLISTED.includes(name));
  document.getElementById("views").append(...listed.map(link));
}

/** The ranges as links, and a form for any other; what else is in the address stays, but for where a list goes on. */
function showRange() {
  const stays = new URLSearchParams(location.search);
  [...stays.keys()]
    .filter((name) => name === "run" || name === "page" || name.startsWith("before"))
    .forEach((name) => stays.delete(name));
  const current = range().range;
  const link = ([name, title]) =>
    h(
      "a",
      { href: address({ range: name, from: null, to: null }, stays), "aria-current": name === current && "true" },
      title,
    );
  const kept = [...stays].filter(([name]) => !["range", "from", "to"].includes(name));
  const field = (name, title) => [
    h("label", { for: name }, title),
    h("input", {
      id: name,
      name,
      type: "datetime-local",
      required: true,
      step: 60,
      value: isTime(range()[name]) ? minute(utc(range()[name])).replace(" ", "T") : "",
    }),
  ];
  document.getElementById("range").append(
    ...Object.entries(RANGES).map(link),
    h(
      "details",
      { class: "custom", open: current === undefined },
      h("summary", {}, "Other"),
      h(
        "form",
        { on: { submit: showChosen } },
        kept.map(([name, value]) => h("input", { type: "hidden", name, value })),
        field("from", "From"),
        field("to", "to"),
        h("span", {}, zone),
        h("button", {}, "Show"),
      ),
    ),
  );
}

/** A time of the address: without an offset it is UTC. */
const utc = (text) => (/[zZ]$|[+-][0-9]{2}:?[0-9]{2}$/.test(text) ? text : `${text}Z`);

const isTime = (text) => Boolean(text) && !Number.isNaN(Date.parse(utc(text)));

/** People choose times of their zone; the address has UTC. */
function showChosen(event) {
  event.preventDefault();
  const entries = Object.fromEntries(new FormData(event.target));
  location.assign(address({ range: null, ...entries, from: toUtc(entries.from), to: toUtc(entries.to) }));
}

function explain(error) {
  const titles = {
    0: "Airflow does not answer",
    400: "This range can't be shown",
    401: "You are not logged in",
    403: "No permission",
    422: "This address can't be shown",
    503: "The data can't be read now",
  };
  const texts = {
    401: "Your login to Airflow has ended: log in again, then reload this page.",
    403: "Your login does not have the right to see plugins of Airflow; whoever administers Airflow can give it.",
  };
  return notice(titles[error.status] ?? "Something went wrong", texts[error.status] ?? error.message, "failed");
}

const view = document.getElementById("view");

async function show() {
  const slow = setTimeout(
    () => view.replaceChildren(h("p", { class: "loading", role: "status" }, "Loading …")),
    SLOW_MS,
  );
  document.title = `Web traffic: ${VIEWS[chosen][0]}`;
  try {
    const content = await VIEWS[chosen][1]();
    clearTimeout(slow);
    view.replaceChildren(...content.flat(Infinity).filter(Boolean));
  } catch (error) {
    clearTimeout(slow);
    view.replaceChildren(explain(error), h("p", {}, h("a", { href: location.search || "?" }, "Try again")));
    if (error.status === undefined) throw error;
  } finally {
    view.setAttribute("aria-busy", "false");
  }
}

/** Show the newer figures, unless that would take away what somebody reads, writes or has opened. */
function showNews() {
  const isBusy = view.contains(document.activeElement) || view.querySelector("details[open]") !== null;
  if (!isBusy && getSelection().isCollapsed) show();
}

showViews();
showRange();
show();
showState(document.getElementById("state"), showNews);
