// The state of the pipeline, on top of every view. It renews itself.
import { address, ask, range } from "./address.js";
import { h } from "./dom.js";
import { duration, minute, number, time, zone } from "./format.js";

const EVERY_MS = 30_000;

/** Show the state now and every 30 seconds; `onNews` is called when a newer run has begun, ended or been checked. */
export function showState(box, onNews) {
  let before = null;
  let lag = null;

  async function renew() {
    if (document.hidden) return;
    const asked = ask("lag", {}).catch((error) => ({ error }));
    const state = await ask("state", {}).catch((error) => ({ error }));
    const show = (known) => box.replaceChildren(h("ul", {}, entries(state, known).map(entry)), asOf(state));
    show(lag); // the newest that is known: a broker that is down takes long to say so
    lag = await asked;
    show(lag);
    if (state.error) return;
    const now = JSON.stringify([state.newest_run, state.newest_check]);
    if (before !== null && now !== before) onNews();
    before = now;
  }

  renew();
  setInterval(renew, EVERY_MS);
  document.addEventListener("visibilitychange", renew);
}

const many = (count, one, more = `${one}s`) => `${number(count)} ${count === 1 ? one : more}`;
const link = (changes) => address(changes, new URLSearchParams(range()));

/** What there is to say; each is `[kind, text, the parameters of the view that has more]`. */
function entries(state, lag) {
  if (state.error) return [["failed", `The state is not known: ${state.error.message}`]];
  const { newest_run: run, newest_check: check, open_alerts: open } = state;
  const age = check && (state.asked_at - Date.parse(check.checked_at)) / 1000;
  const said = [
    check
      ? [
          age > state.run_deadline_seconds ? "failed" : age > state.run_deadline_seconds / 2 ? "warned" : "passed",
          `Checked ${duration(age)} ago`,
          { view: "pipeline", run: check.run_name },
        ]
      : ["idle", "No run is checked yet", { view: "pipeline" }],
    run?.status === "failed" && ["failed", "The newest run has failed", { view: "pipeline", run: run.name }],
    [state.sealed_until ? "passed" : "idle", `Closed until ${minute(state.sealed_until)}`, { view: "traffic" }],
    open.errors > 0 && ["failed", many(open.errors, "open alert"), { view: "alerts" }],
    open.warnings > 0 && ["warned", many(open.warnings, "open warning"), { view: "alerts" }],
    open.silenced > 0 && ["idle", many(open.silenced, "silenced alert"), { view: "alerts" }],
    check && quality(check),
    ...state.paused.map((dag) => ["warned", `${dag} is paused`]),
    ...waiting(lag),
    state.dry_run && [
      "idle",
      `A dry run would change ${many(state.dry_run.windows_changed, "row")}`,
      { view: "restatements", run: state.dry_run.name },
    ],
    state.late > 0 && [
      "idle",
      `${many(state.late, "late event")} since the newest restatement`,
      { view: "restatements" },
    ],
  ];
  return said.filter(Boolean);
}

function quality({ failed, warned }) {
  if (failed > 0) return ["failed", `Quality: ${many(failed, "error")}`, { view: "quality" }];
  if (warned > 0) return ["warned", `Quality: ${many(warned, "warning")}`, { view: "quality" }];
  return ["passed", "Quality passed", { view: "quality" }];
}

function waiting(lag) {
  if (lag === null) return [];
  if (lag.error) return [["failed", `The lag is not known: ${lag.error.message}`, { view: "pipeline" }]];
  const hidden = lag.partitions.reduce((sum, one) => sum + one.waiting, 0);
  return [
    ["idle", `${many(lag.lag, "record waits", "records wait")}`, { view: "pipeline" }],
    hidden > 0 && ["warned", `${many(hidden, "record")} behind an open transaction`, { view: "pipeline" }],
  ].filter(Boolean);
}

const entry = ([kind, text, changes]) =>
  h("li", { class: `status ${kind}` }, changes ? h("a", { href: link(changes) }, text) : text);

const asOf = (state) => state.asked_at && h("span", { class: "remark" }, `as of ${time(state.asked_at / 1000).slice(11)} ${zone}`);
