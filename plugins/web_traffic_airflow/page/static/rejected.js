// The view Rejected events.
import { address, ask, parameter, range } from "./address.js";
import { chart } from "./chart.js";
import { h, notice, section, table, tiles } from "./dom.js";
import { bytes, number, percent, time, zone } from "./format.js";

const PLACE = ["before_time", "before_topic", "before_partition", "before_offset"];

export async function rejected() {
  const reason = parameter("reason");
  const place = Object.fromEntries(PLACE.map((name) => [name, parameter(name)]));
  const data = await ask("rejected", { ...range(), reason, ...place });
  const all = data.reasons.reduce((sum, one) => sum + one.events, 0);
  if (all === 0)
    return [
      notice(
        "Nothing was rejected in this range",
        "Every record that was read is a valid event, or nothing was read.",
      ),
    ];
  return [
    tiles(
      ["Rejected", number(all), "records that were read and not counted"],
      [
        "Sent back",
        number(data.reasons.reduce((sum, one) => sum + one.redriven, 0)),
        "of them, to be counted after all",
      ],
    ),
    section(
      "Rejected over time",
      chart(
        data.buckets,
        data.reasons.map((one) => ({ name: one.reason, values: one.per_bucket })),
        { label: `Rejected events over time, by reason: ${number(all)} in all.`, stacked: true, bucket: data.bucket_seconds },
      ),
    ),
    section(
      "By reason",
      table(
        "Rejected events by reason",
        [
          [
            "Reason",
            (one) =>
              h(
                "a",
                { href: address({ ...none(), reason: one.reason }), "aria-current": one.reason === reason && "true" },
                one.reason,
              ),
          ],
          ["Events", (one) => number(one.events), "number"],
          [
            "Share",
            (one) =>
              h(
                "span",
                { class: "share" },
                h("span", { class: "meter", style: { width: `${(60 * one.events) / all}px` } }),
                percent(one.events / all),
              ),
            "number",
          ],
          ["Sent back", (one) => number(one.redriven), "number"],
          [
            "",
            (one) =>
              one.events > one.redriven &&
              h(
                "a",
                {
                  href: address({ view: "run", redrive_reasons: one.reason, redrive_since: data.start }, new URLSearchParams(range())),
                  "aria-label": `Send events back that were rejected for: ${one.reason}`,
                },
                "Send back …",
              ),
            "number",
          ],
        ],
        data.reasons,
      ),
      reason && h("a", { href: address({ ...none(), reason: null }) }, "All reasons"),
    ),
    section(
      reason ? `Events: ${reason}` : "Events",
      data.with_values
        ? h(
            "p",
            {},
            h(
              "a",
              {
                class: "button",
                href: `api/rejected.ndjson?${new URLSearchParams({ ...range(), reason })}`,
                download: "rejected_events.ndjson",
              },
              "Download as NDJSON",
            ),
            " To repair and send them back, see web-traffic redrive --help.",
          )
        : h("p", { class: "remark" }, "The records themselves are shown to those who may edit the DAG web_traffic."),
      data.events.length === 0 ? notice("No more events", "The list ends here.") : data.events.map((event) => entry(event, data.with_values)),
      data.has_more && h("a", { class: "more", href: older(data.events.at(-1)) }, "Older events"),
    ),
  ];
}

const none = () => Object.fromEntries(PLACE.map((name) => [name, null]));

function older(last) {
  const values = [last.rejected_at, last.topic_id, last.partition, last.record_offset];
  return address(Object.fromEntries(PLACE.map((name, index) => [name, values[index]])));
}

function entry(event, withValue) {
  const box = h(
    "details",
    { class: "event" },
    h(
      "summary",
      {},
      h("time", { datetime: event.rejected_at }, time(event.rejected_at)),
      h("span", { class: "reason" }, event.reason),
      h("span", {}, `${event.topic}, partition ${event.partition}, offset ${event.record_offset}`),
      h("span", { class: "remark" }, event.bytes === null ? "no value" : `${number(event.bytes)} bytes`),
      event.redriven_at &&
        h("span", { class: "status succeeded" }, event.was_repaired ? "repaired and sent back" : "sent back"),
    ),
  );
  box.addEventListener("toggle", () => box.append(...value(event, withValue)), { once: true });
  return box;
}

function absent(event) {
  if (event.reason === "null value") return "The record has no value.";
  return "No value was kept: the record had none, or REJECTED_LIMIT was reached.";
}

function value(event, withValue) {
  const facts = h(
    "p",
    { class: "remark" },
    `Kafka timestamp ${time(event.kafka_timestamp)} ${zone}`,
    event.redriven_at && `, sent back ${time(event.redriven_at)} ${zone}`,
  );
  if (!withValue) return [facts];
  if (event.value === null) return [facts, h("p", {}, h("em", {}, absent(event)))];
  const rest = event.bytes - atob(event.value).length;
  const shown = bytes(event.value, rest > 0);
  return [
    facts,
    !shown.isText && h("p", { class: "remark" }, "Not UTF-8 text, so in hexadecimal:"),
    h("pre", { tabindex: "0", "aria-label": "Value of the record" }, shown.text),
    rest > 0 && h("p", { class: "remark" }, `${number(rest)} more bytes are in the download.`),
  ].filter(Boolean);
}
