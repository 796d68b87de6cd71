// The view Quality.
import { address, ask, range } from "./address.js";
import { chart } from "./chart.js";
import { h, notice, section, table, tiles } from "./dom.js";
import { measured, minute, number, time, zone } from "./format.js";

const kind = (status) => (status === "nothing to check" ? "idle" : status);

export async function quality() {
  const data = await ask("quality", range());
  if (data.rules.length === 0)
    return [
      notice("Nothing was checked in this range", "Each run of the DAG web_traffic applies the rules at its end."),
    ];
  const count = (status) => data.rules.filter((rule) => rule.status === status).length;
  const idle = count("nothing to check");
  const series = [
    { name: "warnings", values: data.warned, colour: "--warn" },
    { name: "errors", values: data.failed, colour: "--bad" },
  ];
  return [
    tiles(
      [
        "Passed",
        `${number(count("passed"))} of ${number(data.rules.length - idle)}`,
        `rules, at their newest check${idle ? `; ${number(idle)} more had nothing to check` : ""}`,
      ],
      ["Warnings", number(count("warned")), "rules that find offenders, and fail nothing"],
      ["Errors", number(count("failed")), "rules that have failed a run", count("failed") ? "failed" : ""],
    ),
    section(
      "Warnings and errors over time",
      data.warned.some(Boolean) || data.failed.some(Boolean)
        ? chart(data.buckets, series, {
            label: `Checks that warned: ${number(sum(data.warned))}; that failed: ${number(sum(data.failed))}.`,
            stacked: true,
            bucket: data.bucket_seconds,
          })
        : notice("None in this range", "Every check passed, or had nothing to look at."),
    ),
    section(
      "Rules",
      table(
        "Rules, with their newest check",
        [
          [
            "Rule",
            (rule) => [
              h("strong", {}, rule.rule),
              h("p", { class: "remark" }, `${rule.table_name}: ${rule.condition}`),
            ],
          ],
          ["Dimension", (rule) => rule.dimension],
          ["Status", (rule) => h("span", { class: `status ${kind(rule.status)}` }, rule.status)],
          [
            `Checked (${zone})`,
            (rule) => h("a", { href: address({ view: "pipeline", run: rule.run_name }) }, minute(rule.checked_at)),
          ],
          [
            "Observed",
            (rule) => measured(rule.observed, rule.unit),
            "number",
            (rule) => rule.observed,
          ],
          ["History", strip],
          ["Offenders", offenders],
        ],
        data.rules,
        (rule) => ({ class: kind(rule.status) }),
      ),
    ),
  ];
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

function strip(rule) {
  const counts = Map.groupBy(rule.history, (check) => check.status);
  const text = [...counts].map(([status, checks]) => `${checks.length} ${status}`).join(", ");
  return h(
    "div",
    { class: "strip", role: "img", "aria-label": `Last ${rule.history.length} checks: ${text}` },
    rule.history.map((check) =>
      h("span", {
        class: `check ${kind(check.status)}`,
        title: `${time(check.at)} ${zone}, ${check.run_name}: ${check.status}`,
      }),
    ),
  );
}

function offenders(rule) {
  if (rule.offenders === 0) return "none";
  return h(
    "details",
    {},
    h("summary", {}, `${number(rule.offenders)} of ${number(rule.checked)}`),
    h(
      "pre",
      { tabindex: "0", "aria-label": `Sample of the offenders of ${rule.rule}` },
      JSON.stringify(rule.sample, null, 2),
    ),
  );
}
