// The state of the page is its address: each view, range and selection is a link that can be shared.

const here = new URLSearchParams(location.search);

/** Return a parameter of the address, or a default. */
export const parameter = (name, otherwise = "") => here.get(name) || otherwise;

/** Return all values of a parameter of the address. */
export const all = (name) => here.getAll(name);

/** Return the address of this page with some parameters changed; null takes one away. */
export function address(changes, start = here) {
  const parameters = new URLSearchParams(start);
  for (const [name, value] of Object.entries(changes)) {
    parameters.delete(name);
    if (value !== null && value !== "") [value].flat().forEach((one) => parameters.append(name, one));
  }
  return `?${parameters}`;
}

/** Return the parameters that say which range is shown. */
export function range() {
  return here.get("from") || here.get("to")
    ? { from: parameter("from"), to: parameter("to") }
    : { range: parameter("range", "6h") };
}

const asked = new Map();

/**
 * Ask the server; who asks the same meanwhile gets the same answer. It has `asked_at`, the server's clock in ms since
 * 1970. Raises an Error whose `status` is that of the answer (0: none came), and whose message is for people.
 */
export function ask(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value !== null));
  const place = `api/${path}?${query}`;
  if (!asked.has(place)) asked.set(place, answerOf(place).finally(() => asked.delete(place)));
  return asked.get(place);
}

/** Tell the server something, and return what it answers; raises as `ask` does. */
export function tell(place, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  return answerOf(place, { method: "POST", headers, body: JSON.stringify(body) });
}

async function answerOf(place, request = { headers: { Accept: "application/json" } }) {
  let answer;
  try {
    answer = await fetch(place, request);
  } catch {
    throw Object.assign(new Error("Airflow's API server does not answer."), { status: 0 });
  }
  if (answer.ok) return { ...(await answer.json()), asked_at: Date.parse(answer.headers.get("Date")) };
  const { detail } = await answer.json().catch(() => ({ detail: answer.statusText }));
  const text = Array.isArray(detail) ? detail.map((one) => `${one.loc?.at(-1)}: ${one.msg}`).join("; ") : detail;
  throw Object.assign(new Error(text), { status: answer.status });
}

/** Return a link to a run in Airflow, or null for a run of the application without Airflow. */
export function airflowRun(name) {
  const [dag, run] = name.includes("/") ? name.split(/\/(.*)/) : ["web_traffic", name];
  if (name.startsWith("alone__")) return null;
  return `../dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}`;
}

// Within Airflow's UI the page is a frame that may not navigate its parent; a link of the parent's own may.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-airflow]");
  if (!link || parent === window || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const outside = parent.document.createElement("a");
  outside.href = link.href;
  parent.document.body.append(outside);
  outside.click();
  outside.remove();
});
