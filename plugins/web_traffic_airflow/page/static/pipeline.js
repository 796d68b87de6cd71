// The view Pipeline.
import { address, airflowRun, ask, parameter, range } from "./address.js";
import { chart } from "./chart.js";
import { bar, h, notice, section, table, tiles } from "./dom.js";
import { duration, minute, number, time, zone } from "./format.js";

const WENT = ["rejected", "future", "late", "superseded", "emitted", "open_after"];
/** Distances of an axis of time, in seconds. */
const STEPS = [1, 2, 5, 10, 30, 60, 120, 240, 600, 1800, 3600, 7200, 18_000, 36_000, 86_400, 172_800, 432_000];
const words = (name) => name.replaceAll("_", " ");

export async function pipeline() {
  const data = await ask("pipeline", { ...range(), run: parameter("run"), before: parameter("before") });
  const now = h("div", {}, h("p", { class: "loading" }, "Asking Kafka for the lag …"));
  ask("lag", {}).then(
    (lag) => now.replaceChildren(...lagNow(lag, data)),
    (error) => now.replaceChildren(notice("The lag is not known now", error.message, "failed")),
  );
  return [
    tiles(
      [
        "Closed until",
        minute(data.sealed_until),
        data.sealed_until
          ? `${duration((data.asked_at - Date.parse(data.sealed_until)) / 1000)} ago`
          : "no window is closed yet",
      ],
      ["Open", number(data.open_hits), "hits in windows that are not closed yet"],
      ["Runs", number(data.runs.length) + (data.more_before ? " and more" : ""), "in this range"],
      [
        "Failed",
        number(data.runs.filter((run) => run.status === "failed").length),
        "of those listed",
        data.runs.some((run) => run.status === "failed") ? "failed" : "",
      ],
    ),
    parameter("run") && named(data.named),
    section("Lag now", now),
    h(
      "div",
      { class: "columns" },
      section("Events that waited, by partition", lagOverTime(data)),
      section("How far closed windows were behind", delayOverTime(data)),
    ),
    section("Runs", runs(data)),
  ];
}

function lagNow(lag, data) {
  const waits =
    lag.lag && lag.planned_at
      ? `The newest batch is of ${time(lag.planned_at)}, so they are at most ${duration((data.asked_at - Date.parse(lag.planned_at)) / 1000)} old.`
      : "";
  return [
    h("p", {}, h("strong", {}, `${number(lag.lag)} records`), ` of the topic ${lag.topic} are waiting. ${waits}`),
    table(
      "Lag by partition",
      [
        ["Partition", (one) => number(one.partition), "number"],
        ["Read up to", (one) => number(one.read_to), "number"],
        ["End", (one) => number(one.end), "number"],
        ["Lag", (one) => number(one.lag), "number"],
        ["Behind an open transaction", (one) => number(one.waiting), "number"],
      ],
      lag.partitions,
    ),
  ];
}

function lagOverTime(data) {
  const at = [...new Set(data.lag.map((one) => one.at))];
  const partitions = [...new Set(data.lag.map((one) => one.partition))].sort((a, b) => a - b);
  const found = new Map(data.lag.map((one) => [`${one.at}/${one.partition}`, one.lag]));
  const series = partitions.map((partition) => ({
    name: `partition ${partition}`,
    values: at.map((one) => found.get(`${one}/${partition}`) ?? 0),
  }));
  if (at.length === 0) return notice("No run has read anything in this range", "Choose a longer one.");
  return chart(at, series, {
    label: `Records that each run found waiting, by partition; at most ${number(Math.max(...data.lag.map((one) => one.lag)))}.`,
    bucket: data.bucket_seconds,
  });
}

function delayOverTime(data) {
  if (data.delay.length === 0) return notice("No window was closed before the end of this range", "Choose a later one.");
  return chart(
    data.delay.map((one) => one.at),
    [{ name: "between the clock and the last closed window, at most", values: data.delay.map((one) => one.seconds) }],
    {
      label: `How far the closed windows were behind the clock; at most ${duration(Math.max(...data.delay.map((one) => one.seconds)))}.`,
      bucket: data.bucket_seconds,
      unit: duration,
      steps: STEPS,
    },
  );
}

function runs(data) {
  if (data.runs.length === 0)
    return notice("No run in this range", "A paused DAG starts none; otherwise choose a longer range.");
  return [
    table(
      "Runs, newest first",
      [
        ["Run", runCell],
        ["Status", (run) => h("span", { class: `status ${run.status}` }, run.status)],
        [`Started (${zone})`, (run) => time(run.started_at)],
        ["Duration", durationCell, "", (run) => run.seconds],
        ["Read", (run) => number(run.read), "number"],
        ["Where its events went", booksBar],
      ],
      data.runs,
      (run) => ({ class: [run.status, run.name === parameter("run") && "chosen"].filter(Boolean).join(" ") }),
    ),
    h(
      "ul",
      { class: "legend" },
      WENT.map((name) => h("li", {}, h("span", { class: `swatch ${name}` }), words(name))),
    ),
    data.more_before && h("a", { class: "more", href: address({ before: data.more_before }) }, "Older runs"),
  ];
}

const runCell = (run) => [
  h("a", { href: address({ run: run.name }) }, `${run.run_id} ${run.name}`),
  run.error && h("p", { class: "error" }, run.error),
];

function durationCell(run) {
  const phases = Object.entries(run.phases ?? {}).filter(([, seconds]) => typeof seconds === "number");
  return h(
    "div",
    { class: "duration" },
    duration(run.seconds),
    phases.length > 0 &&
      bar(
        "Seconds by phase",
        phases.map(([name, seconds], index) => [words(name), seconds, `phase-${index % 5}`]),
        run.seconds,
        duration,
      ),
  );
}

function booksBar(run) {
  if (run.emitted === null) return "–";
  return bar(
    `${number(run.open_before + run.read)} events`,
    WENT.map((name) => [words(name), run[name], name]),
    run.open_before + run.read,
    number,
  );
}

function named(found) {
  if (found.length === 0)
    return section(
      "Run",
      notice("This run has no record", "Its task did not start Spark: nothing was new, or it failed first.", "empty"),
    );
  return found.map((run) =>
    section(
      `Run ${run.run_id}`,
      h(
        "div",
        { class: "run" },
        h(
          "p",
          {},
          h("span", { class: `status ${run.status}` }, run.status),
          ` ${run.name} `,
          airflowRun(run.name) && h("a", { href: airflowRun(run.name), "data-airflow": true }, "Open in Airflow"),
        ),
        run.error && h("p", { class: "error" }, run.error),
        h(
          "dl",
          { class: "facts" },
          fact("Started", `${time(run.started_at)} ${zone}`),
          fact("Ended", run.ended_at ? `${time(run.ended_at)} ${zone}` : "not yet"),
          fact("Duration", durationCell(run)),
          Object.entries(run.phases ?? {}).map(([name, seconds]) =>
            fact(`Phase ${words(name)}`, typeof seconds === "number" ? duration(seconds) : String(seconds)),
          ),
          fact("Batches", run.first_batch === null ? "none" : `${run.first_batch} to ${run.last_batch}`),
          fact("Windows written", number(run.windows)),
          fact("Watermark", time(run.watermark)),
          run.gap && fact("Accepted gap", JSON.stringify(run.gap)),
        ),
        run.emitted !== null && books(run),
      ),
    ),
  );
}

const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];

function books(run) {
  const rows = [["open_before", "+"], ["read", "+"], ...WENT.map((name) => [name, "−"])];
  const rest = run.open_before + run.read - WENT.reduce((sum, name) => sum + run[name], 0);
  return [
    booksBar(run),
    table(
      "The books of the run, in events",
      [
        ["", ([name, sign]) => `${sign} ${words(name)}`],
        ["Events", ([name]) => number(run[name]), "number"],
      ],
      rows,
    ),
    h(
      "p",
      { class: rest ? "error" : "remark" },
      rest
        ? `The books do not close: ${number(rest)} events are not accounted for.`
        : "The books close: nothing is left over.",
    ),
  ];
}
