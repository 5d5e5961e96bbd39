// The matter that is open: what was decided about designs, kept on this machine.

import * as address from "./address.js";
import * as api from "./api.js";
import { attempt, button, h, modal, toast } from "./dom.js";

export const RATINGS = ["relevant", "background", "noise"];
let open = null;
let known = new Map();

const path = (name) => `/api/matters/${encodeURIComponent(name)}`;

/** Take in what is decided in a matter; none: nothing is. */
export async function decisions(name) {
  if (!name) {
    open = null;
    known = new Map();
  } else if (name !== open) {
    const found = await api.get(path(name));
    known = new Map(found.decisions.map((one) => [one.patent_id, one]));
    open = name;
  }
  return known;
}

export const decided = (id) => known.get(id);

export async function decide(name, id, changes) {
  known.set(id, await api.put(`${path(name)}/decisions/${encodeURIComponent(id)}`, changes));
}

export async function keepSearch(state) {
  await api.post(`${path(state.matter)}/searches?${address.question({ ...state, top: state.top ?? String(address.STEP) })}`, {});
  toast(`Kept in “${state.matter}”: the query, its filters and the hits.`);
}

/** Which matter ratings go to; chosen here, and part of the address. */
export function picker(state) {
  const select = h("select", {
    "data-matter": "", "aria-label": "Matter", title: "Ratings and notes are kept in a matter",
    onchange: () => {
      if (select.value === "+") {
        select.value = state.matter ?? "";
        begin((name) => address.go({ matter: name }));
      } else address.go({ matter: select.value || null });
    },
  });
  const fill = (names) => {
    const option = (value, label) => h("option", { value, selected: value === (state.matter ?? "") }, label);
    select.replaceChildren(option("", "No matter"), ...names.map((name) => option(name, name)), option("+", "New matter …"));
  };
  fill(state.matter ? [state.matter] : []);
  attempt(async () => fill((await api.get("/api/matters")).matters.map((one) => one.name)));
  return h("label", { class: "matter-pick" }, h("span", { class: "sr" }, "Matter"), select);
}

export function begin(then) {
  const input = h("input", { name: "name", required: true, maxlength: 80, autocomplete: "off", "aria-label": "Name of the matter" });
  const form = h("form", {
    class: "body panel", method: "dialog",
    onsubmit: async (event) => {
      event.preventDefault();
      await attempt(async () => {
        const made = await api.post("/api/matters", { name: input.value.trim() });
        box.close();
        then(made.name);
      });
    },
  },
    h("p", { class: "quiet" }, "A matter is a folder on this machine. It holds what you choose to keep: queries, filters, ratings, notes and the record of each search."),
    input, h("div", { class: "row" }, h("button", { class: "main" }, "Begin"), button("Cancel", () => box.close())));
  const box = modal([h("div", { class: "head" }, h("h2", {}, "New matter")), form], { kind: "small-box", label: "New matter" });
  input.focus();
}
