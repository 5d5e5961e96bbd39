// The query: its views, and how they are compared.

import * as address from "./address.js";
import * as api from "./api.js";
import * as intake from "./intake.js";
import { attempt, button, h, patent } from "./dom.js";

export function views(state) {
  const list = h("div", { class: "views", "data-views": "" });
  state.image.forEach((reference, place) => list.append(view(reference, place, state)));
  if (state.like) list.append(stored(state));
  const rotation = toggle("Turned, too", state.any_rotation, { any_rotation: !state.any_rotation }, state.image.length > 0);
  const fuse = toggle("Words rank as well", state.fuse, { fuse: !state.fuse, by: null }, Boolean(state.text) && (state.image.length > 0 || state.like));
  const figures = h("div", { class: "figures", role: "group", "aria-label": "Figures of the sheet", hidden: true });
  if (state.image.length === 1) offer(figures, state);
  return h("section", {},
    h("h2", {}, state.image.length > 1 ? `${state.image.length} views of one design` : "Query"),
    list, figures,
    h("div", { class: "row add-row" },
      state.image.length > 0 && button("+ Another view", () => intake.choose({ add: true }), { class: "add" }),
      !state.image.length && button("Search with an image", () => intake.choose(), { class: "add" })),
    rotation, fuse, kin(state));
}

// What people look for, and how much kin counts beside twins then; nothing is as the model was made.
const KIN = [["the same design", "0"], ["both", null], ["other designs of its kind", "1"]];

/** From the same design to its kind, where the model tells them apart. */
function kin(state) {
  const shown = document.body.dataset.kin === "yes" && (state.image.length > 0 || state.like);
  return h("fieldset", { class: "steps", hidden: !shown }, h("legend", {}, "Look for"),
    KIN.map(([label, value]) => h("label", { class: "switch" },
      h("input", { type: "radio", name: "kin", checked: state.kin === value, onchange: () => address.go({ kin: value, top: null }) }), label)));
}

function view(reference, place, state) {
  const picture = h("img", { src: api.image(reference, 480), alt: `Query view ${place + 1}` });
  const box = h("figure", { class: "view" }, picture,
    h("div", { class: "row" },
      button("Edit", () => attempt(() => intake.draw({ replace: reference }, reference)), { "aria-label": `Crop, turn or draw over view ${place + 1}` }),
      button("Remove", () => address.go({ image: state.image.filter((one) => one !== reference), compare: null }), { "aria-label": `Remove view ${place + 1}` })));
  picture.addEventListener("error", () => {
    picture.replaceWith(h("p", { class: "notice bad small" }, "This image is no longer here: images are forgotten unless a matter keeps them. Drop it again."));
  });
  return box;
}

/** The figures of the sheet that is searched with, to search with one of them alone. */
function offer(box, state) {
  const [key, page, crop] = state.image[0].split(":");
  const whole = page && !(crop && page === "1") ? `${key}:${page}` : key;
  const matter = state.matter ? `?matter=${encodeURIComponent(state.matter)}` : "";
  attempt(async () => {
    const found = (await api.get(`/api/images/${whole}/figures${matter}`)).figures;
    if (found.length < 2 && !crop) return;
    const choices = [{ reference: whole, label: "Sheet" }, ...found];
    const note = crop ? [] : [h("p", { class: "quiet small" }, `Searched with the sheet and its ${found.length} figures. Choose one to search with it alone.`)];
    box.replaceChildren(...note, ...choices.map((one) => h("button", {
      type: "button", "aria-pressed": String(one.reference === state.image[0]),
      onclick: () => address.go({ image: [one.reference], top: null, design: null, compare: null }),
    }, h("img", { src: api.image(one.reference, 128), alt: "" }), h("span", {}, one.label))));
    box.hidden = false;
  });
}

function stored(state) {
  const box = h("figure", { class: "view" }, h("figcaption", { class: "quiet small" }, `Like ${patent(state.like)}`));
  attempt(async () => {
    const design = await api.get(`/api/designs/${encodeURIComponent(state.like)}`);
    box.prepend(h("img", { src: api.drawing(design, design.drawings[0], 480), alt: patent(state.like) }));
  });
  return box;
}

function toggle(label, on, changes, shown) {
  return h("label", { class: "switch", hidden: !shown },
    h("input", { type: "checkbox", checked: on, onchange: () => address.go({ top: null, ...changes }) }), label);
}
