// The form of a manual run: filled in by a link, and checked before there is a run.
import { address, airflowRun, all, ask, parameter, range, tell } from "./address.js";
import { h, notice, section } from "./dom.js";
import { minute, toUtc, zone } from "./format.js";

const DAG = "web_traffic";

export async function run() {
  const { fields } = await ask("form", {});
  const sections = Map.groupBy(fields, (field) => field.section);
  const said = h("div", { role: "status" });
  const form = h(
    "form",
    { on: { submit: (event) => start(event, fields, said) } },
    [...sections].map(([title, list]) => h("fieldset", {}, h("legend", {}, title), list.map(entry))),
    said,
    h("p", {}, h("button", {}, `Start a run of ${DAG}`)),
  );
  return [section("Start a run by hand", form)];
}

function entry(field) {
  const remark = h("p", { class: "remark", id: `about-${field.name}` }, field.description);
  const common = { id: field.name, name: field.name, "aria-describedby": `about-${field.name}` };
  if (field.type === "boolean") {
    const box = h("input", { ...common, type: "checkbox", checked: parameter(field.name) === "true" });
    return h("div", { class: "field" }, box, " ", h("label", { for: field.name }, field.title), remark);
  }
  if (field.type === "array") {
    const box = (value) =>
      h("input", { type: "checkbox", name: field.name, value, checked: all(field.name).includes(value) });
    return h(
      "div",
      { class: "field", role: "group", "aria-label": field.title },
      field.title,
      remark,
      h("ul", {}, field.items.enum.map((value) => h("li", {}, h("label", {}, box(value), ` ${value}`)))),
    );
  }
  const value = parameter(field.name) && minute(parameter(field.name)).replace(" ", "T");
  const input = h("input", { ...common, type: "datetime-local", step: 60, value });
  return h("div", { class: "field" }, h("label", { for: field.name }, `${field.title} (${zone}) `), input, remark);
}

/** What is filled in; what is left out has its default. */
function entries(form, fields) {
  const data = new FormData(form);
  const found = {};
  for (const { name, type } of fields) {
    if (type === "boolean" && data.has(name)) found[name] = true;
    else if (type === "array" && data.has(name)) found[name] = data.getAll(name);
    else if (type !== "boolean" && type !== "array" && data.get(name)) found[name] = `${toUtc(data.get(name))}:00Z`;
  }
  return found;
}

async function start(event, fields, said) {
  event.preventDefault();
  const conf = entries(event.target, fields);
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    const { refusal } = await tell("api/form", conf);
    if (refusal) {
      said.replaceChildren(notice("No run was started", refusal, "failed"));
      return;
    }
    const { dag_run_id: id } = await tell(`../api/v2/dags/${DAG}/dagRuns`, { conf, logical_date: null });
    const name = `${DAG}/${id}`;
    said.replaceChildren(
      notice("A run was started", `Its name is ${name}.`),
      h("p", {}, h("a", { href: airflowRun(name), "data-airflow": true }, "Open it in Airflow"), " "),
      h("p", {}, h("a", { href: address({ view: "pipeline", run: name }, new URLSearchParams(range())) }, "Its books")),
    );
  } catch (error) {
    const text = error.status === 403 ? "Your login may not start runs of this DAG." : error.message;
    said.replaceChildren(notice("No run was started", text, "failed"));
  } finally {
    button.disabled = false;
  }
}
