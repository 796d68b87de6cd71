// The view Restatements.
import { address, airflowRun, ask, parameter, range } from "./address.js";
import { h, notice, section, table, tiles } from "./dom.js";
import { duration, minute, number, time, zone } from "./format.js";

export async function restatements() {
  const data = await ask("restatements", { ...range(), run: parameter("run") });
  if (data.runs.length === 0 && data.run === null)
    return [
      notice(
        "Nothing was restated in this range",
        "A restatement counts closed windows again, late events included: by a backfill, by hand, or each night.",
      ),
    ];
  const changed = data.runs.filter((run) => !run.dry_run && run.windows_changed > 0);
  return [
    tiles(
      ["Restatements", number(data.runs.length), "in this range"],
      [
        "Rows changed",
        number(changed.reduce((sum, run) => sum + run.windows_changed, 0)),
        "window, host and referrer",
      ],
      [
        "Hits",
        signed(changed.reduce((sum, run) => sum + run.hits_after - run.hits_before, 0)),
        "more or less than before",
      ],
    ),
    section(
      "Restatements",
      table(
        "Restatements, newest first",
        [
          [
            "Run",
            (run) => [
              h("a", { href: address({ run: run.name }) }, `${run.run_id} ${run.name}`),
              run.error && h("p", { class: "error" }, run.error),
            ],
          ],
          ["Status", (run) => [h("span", { class: `status ${run.status}` }, run.status), run.dry_run && " (dry run)"]],
          [`Windows (${zone})`, (run) => `${minute(run.restate_from)} to ${minute(run.restate_to)}`],
          ["Checked", (run) => number(run.windows_checked), "number"],
          ["Changed", (run) => number(run.windows_changed), "number"],
          ["Hits", (run) => (run.hits_after === null ? "–" : signed(run.hits_after - run.hits_before)), "number"],
          ["Duration", (run) => duration(run.seconds), "number", (run) => run.seconds],
        ],
        data.runs,
        (run) => ({ class: [run.status, run.run_id === data.run?.run_id && "chosen"].filter(Boolean).join(" ") }),
      ),
    ),
    data.run && changes(data),
  ];
}

const signed = (value) => (value > 0 ? `+${number(value)}` : number(value));

/** Why a run has left no rows to show, as a title and a sentence. */
function withoutRows(run) {
  if (run.status === "running") return ["Not known yet", "The run is still at work."];
  if (run.status === "failed") return ["Nothing was changed", "The run failed; its error says why."];
  if (run.dry_run && run.windows_changed > 0)
    return [
      `${number(run.windows_changed)} rows would change`,
      "It was a dry run, so the table is as it was. The task's log lists the largest differences.",
    ];
  return ["No changes", "The windows were counted again and have the same hits."];
}

function changes(data) {
  const link = airflowRun(data.run.name);
  return section(
    `Changes by run ${data.run.run_id}`,
    link && h("p", {}, h("a", { href: link, "data-airflow": true }, "Open in Airflow")),
    data.changes.length === 0
      ? notice(...withoutRows(data.run))
      : table(
          "Changed rows, the largest differences first",
          [
            [`Window (${zone})`, (row) => minute(row.window_start)],
            ["Host", (row) => row.host],
            ["Referrer", (row) => row.referrer ?? h("em", {}, "none")],
            ["Before", (row) => number(row.old_hits), "number"],
            ["Since", (row) => number(row.new_hits), "number"],
            ["Why", (row) => row.reason],
            [`Changed at (${zone})`, (row) => time(row.restated_at)],
          ],
          data.changes,
        ),
  );
}
