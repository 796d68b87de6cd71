// The view Alerts.
import { address, ask, range } from "./address.js";
import { h, notice, section } from "./dom.js";
import { number, time } from "./format.js";

export async function alerts() {
  const { alerts: found } = await ask("alerts", range());
  const open = found.filter((alert) => alert.resolved_at === null);
  const over = found.filter((alert) => alert.resolved_at !== null);
  return [
    section(
      `Open (${number(open.length)})`,
      open.length ? open.map(entry) : notice("Nothing is open", "There is no failure and no warning now."),
    ),
    section(
      `Over (${number(over.length)})`,
      over.length ? over.map(entry) : notice("None in this range", "Choose a longer one to see older incidents."),
    ),
  ];
}

function entry(alert) {
  const isOpen = alert.resolved_at === null;
  return h(
    "article",
    { class: `alert ${isOpen ? `open-${alert.severity}` : "over"}` },
    h(
      "h3",
      {},
      h(
        "span",
        { class: `status ${isOpen ? (alert.severity === "error" ? "failed" : "warned") : "passed"}` },
        isOpen ? alert.severity : "over",
      ),
      ` ${alert.title}`,
    ),
    h("p", { class: "error" }, alert.error),
    isOpen && h("p", {}, `What to do: ${alert.next_step}`),
    h(
      "p",
      { class: "remark" },
      `${time(alert.first_at)} to ${time(alert.resolved_at ?? alert.last_at)} UTC, ${number(alert.failures)} ${alert.failures === 1 ? "failure" : "failures"}. ${sent(alert)}`,
    ),
    h(
      "p",
      {},
      alert.run_name && h("a", { href: address({ view: "pipeline", run: alert.run_name }) }, `Run ${alert.run_name}`),
      Object.entries(alert.links)
        .filter(([, link]) => /^https?:/.test(link))
        .map(([name, link]) => [" ", h("a", { href: link, "data-airflow": true }, name)]),
    ),
  );
}

function sent(alert) {
  const told = alert.channels.filter((channel) => !alert.unsent.includes(`opened ${channel}`));
  const waiting = alert.unsent.length > 0 ? ` Still to be sent: ${alert.unsent.join(", ")}.` : "";
  return (told.length > 0 ? `Sent by ${told.join(", ")}.` : "Nobody is told of it.") + waiting;
}
