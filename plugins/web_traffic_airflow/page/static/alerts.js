// The view Alerts.
import { address, ask, range, tell } from "./address.js";
import { h, notice, section } from "./dom.js";
import { minute, number, time, zone } from "./format.js";

export async function alerts() {
  const { alerts: found, may_edit: mayEdit } = await ask("alerts", range());
  const open = found.filter((alert) => alert.resolved_at === null);
  const over = found.filter((alert) => alert.resolved_at !== null);
  return [
    section(
      `Open (${number(open.length)})`,
      open.length ? open.map((alert) => entry(alert, mayEdit)) : notice("Nothing is open", "There is no failure and no warning now."),
    ),
    section(
      `Over (${number(over.length)})`,
      over.length ? over.map((alert) => entry(alert, false)) : notice("None in this range", "Choose a longer one to see older incidents."),
    ),
  ];
}

function entry(alert, mayEdit) {
  const isOpen = alert.resolved_at === null;
  const isSilent = isOpen && alert.silenced_until !== null;
  const kind = alert.severity === "error" ? "failed" : "warned";
  return h(
    "article",
    { class: `alert ${isOpen && !isSilent ? `open-${alert.severity}` : "over"}` },
    h(
      "h3",
      {},
      h(
        "span",
        { class: `status ${isSilent ? "idle" : isOpen ? kind : "passed"}` },
        isSilent ? `silenced ${alert.severity}` : isOpen ? alert.severity : "over",
      ),
      ` ${alert.title}`,
    ),
    h("p", { class: "error" }, alert.error),
    isOpen && h("p", {}, `What to do: ${alert.next_step}`),
    isOpen &&
      alert.form &&
      h(
        "p",
        {},
        h("a", { class: "button", href: address({ view: "run", ...alert.form }, new URLSearchParams(range())) }, "Fill in the form"),
        ` with ${Object.keys(alert.form).join(", ")}`,
      ),
    isSilent &&
      h(
        "p",
        {},
        `Silenced until ${minute(alert.silenced_until)} ${zone} by ${alert.silenced_by}: ${alert.silence_reason}`,
      ),
    mayEdit && silenceForm(alert),
    h(
      "p",
      { class: "remark" },
      `${time(alert.first_at)} to ${time(alert.resolved_at ?? alert.last_at)} ${zone}, ${number(alert.failures)} ${alert.failures === 1 ? "failure" : "failures"}. ${sent(alert)}`,
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

/** People take note of an incident, for a reason and up to a time; then they hear of it again. */
function silenceForm(alert) {
  const said = h("span", { class: "error", role: "status" });
  const hours = [1, 4, 24, 72, 168].map((count) => h("option", { value: count }, count < 48 ? `${count} h` : `${count / 24} d`));
  const form = h(
    "form",
    { class: "silence", "aria-label": `Silence: ${alert.title}`, on: { submit: silence } },
    h("input", { name: "reason", required: true, maxlength: 400, placeholder: "Why it may wait", "aria-label": "Why it may wait" }),
    h("label", {}, "for ", h("select", { name: "hours" }, hours)),
    h("button", {}, alert.silenced_until === null ? "Silence" : "Silence anew"),
    said,
  );

  async function silence(event) {
    event.preventDefault();
    const data = new FormData(form);
    try {
      await tell(`api/alerts/${alert.alert_id}/silence`, { reason: data.get("reason"), hours: Number(data.get("hours")) });
      location.reload();
    } catch (error) {
      said.textContent = error.message;
    }
  }
  return form;
}

function sent(alert) {
  const told = alert.channels.filter((channel) => !alert.unsent.includes(`opened ${channel}`));
  const waiting = alert.unsent.length > 0 ? ` Still to be sent: ${alert.unsent.join(", ")}.` : "";
  return (told.length > 0 ? `Sent by ${told.join(", ")}.` : "Nobody is told of it.") + waiting;
}
