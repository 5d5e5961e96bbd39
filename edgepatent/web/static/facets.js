// What narrows a search: Locarno as a tree, dates, indexes, each with counts that follow the others.

import * as address from "./address.js";
import * as api from "./api.js";
import { attempt, button, h, number } from "./dom.js";

const opened = new Set();

export async function show(box, state, query, signal) {
  await attempt(async () => {
    const found = await api.get(`/api/facets?${query}`, signal);
    if (signal.aborted) return;
    box.replaceChildren(...[locarno(found.locarno, state), dates(found.years, state), ...named(found, state)].filter(Boolean));
    box.style.display = "";
  });
}

const flip = (list, value) => (list.includes(value) ? list.filter((one) => one !== value) : [...list, value]);
const section = (title, ...content) => h("section", {}, h("h2", {}, title), ...content);

function locarno(classes, state) {
  if (!classes.length) return null;
  const tree = h("ul", { class: "tree" }, classes.map((one) => {
    const chosen = state.locarno.some((code) => code === one.code || one.subclasses.some((sub) => sub.code === code));
    const open = opened.has(one.code) || chosen;
    const inner = h("ul", { hidden: !open }, one.subclasses.map((sub) => h("li", {}, node(sub, state))));
    return h("li", {}, node(one, state, one.subclasses.length && inner, open), inner);
  }));
  return section("Locarno", tree);
}

function node(entry, state, inner, open) {
  const twist = inner && h("button", {
    type: "button", class: "twist", "aria-expanded": String(open), "aria-label": `Subclasses of ${entry.code}`,
    onclick: () => {
      inner.hidden = !inner.hidden;
      twist.setAttribute("aria-expanded", String(!inner.hidden));
      opened[inner.hidden ? "delete" : "add"](entry.code);
    },
  });
  return h("div", { class: "node" }, twist || h("span", { class: "twist" }),
    h("button", {
      type: "button", class: "pick", "aria-pressed": String(state.locarno.includes(entry.code)), title: entry.name ?? entry.code,
      onclick: () => address.go({ locarno: flip(state.locarno, entry.code), top: null }),
    }, h("span", { class: "num" }, entry.code), h("span", { class: "label" }, entry.name ?? ""), h("span", { class: "count" }, number(entry.designs))));
}

const NS = "http://www.w3.org/2000/svg";
function svg(tag, attributes) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function dates(years, state) {
  if (years.length < 2) return null;
  const first = years[0].year;
  const last = years.at(-1).year;
  const most = Math.max(...years.map((one) => one.designs), 1);
  let low = state.since ? Math.max(first, Number(state.since.slice(0, 4))) : first;
  // "before 2015-01-01" lets 2014 in.
  let high = state.before ? Math.min(last, Number(state.before.slice(0, 4)) - (state.before.endsWith("-01-01") ? 1 : 0)) : last;
  const span = last - first + 1;
  const chart = svg("svg", { class: "chart", viewBox: `0 0 ${span} 100`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const bars = years.map((one) => {
    const height = one.designs ? Math.max(3, (one.designs / most) * 100) : 0;
    return chart.appendChild(svg("rect", { x: one.year - first + 0.06, width: 0.88, y: 100 - height, height }));
  });
  const ends = h("div", { class: "ends num" });
  const paint = () => {
    years.forEach((one, place) => bars[place].classList.toggle("in", one.year >= low && one.year <= high));
    ends.replaceChildren(h("span", {}, String(low)), h("span", {}, String(high)));
  };
  const settle = () => address.go({
    since: low > first ? `${low}-01-01` : null, before: high < last ? `${high + 1}-01-01` : null, top: null,
  });
  const handle = (label, value, move) => h("input", {
    type: "range", min: first, max: last, step: 1, value, "aria-label": label,
    oninput: (event) => { move(event.target); paint(); }, onchange: settle,
  });
  const slider = h("div", { class: "slider" },
    handle("From year", low, (input) => (input.value = low = Math.min(Number(input.value), high))),
    handle("To year", high, (input) => (input.value = high = Math.max(Number(input.value), low))));
  paint();
  return section("Date", chart, slider, ends);
}

/** Facets that are plain lists, by the parameter that narrows; what chips call them. */
export const NAMED = [["applicants", "Applicant"], ["countries", "Country"], ["uspc", "US class"]];
const TITLES = [...NAMED, ["index", "Index"]];

function named(found, state) {
  return TITLES.map(([name, title]) => {
    const values = found[name];
    if (values.length < 2 && !state[name].length) return null;
    return section(title, h("ul", { class: "tree" }, values.map((one) => h("li", {}, h("div", { class: "node" },
      button([h("span", { class: "label" }, one.label), h("span", { class: "count" }, number(one.designs))],
        () => address.go({ [name]: flip(state[name], one.value), top: null }),
        { class: "pick", title: one.label, "aria-pressed": String(state[name].includes(one.value)) }))))));
  });
}
