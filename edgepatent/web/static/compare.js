// Two drawings beside each other, or one over the other; and which parts of one carry the score.

import * as address from "./address.js";
import * as api from "./api.js";
import { attempt, button, figure, h, modal, patent, say, typing } from "./dom.js";
import { keys, link } from "./zoom.js";

// "LEFT~~RIGHT": a number is a view of the query, "PATENT~row" a stored drawing.
export async function open(state) {
  const [left, right] = await Promise.all(state.compare.split("~~").map((text) => side(text, state)));
  const stages = [left, right].map((one) => {
    one.picture = h("img", { alt: "", draggable: "false" });
    one.label = h("span", { class: "label" });
    one.stage = h("div", { class: "stage", tabindex: 0, role: "img" }, one.picture, one.label);
    return one.stage;
  });
  const view = link(stages);
  const panes = h("div", { class: "panes" }, stages);
  const mix = h("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "From one drawing to the other", oninput: () => blend() });
  const slider = h("label", { hidden: true }, left.name, mix, right.name);
  const over = button("Overlay", () => overlay(!panes.classList.contains("overlay")), { "aria-pressed": "false", title: "Key O" });
  const heat = button("Where they match", () => attempt(match), { "aria-pressed": "false", title: "Which parts of the drawing carry the score (key M)", hidden: !right.design });
  const head = h("div", { class: "head" }, h("h2", {}, `${left.name} and ${right.name}`),
    h("div", { class: "tools" }, slider, over, heat, picker(left, "left"), picker(right, "right"),
      button("−", () => view.zoom(1 / 1.4), { "aria-label": "Smaller" }), button("+", () => view.zoom(1.4), { "aria-label": "Larger" }),
      button("Fit", () => view.reset())),
    button("Close", () => box.close(), { class: "bare" }));

  function overlay(on) {
    panes.classList.toggle("overlay", on);
    over.setAttribute("aria-pressed", String(on));
    slider.hidden = !on;
    view.reset();
    blend();
  }
  function blend() {
    const on = panes.classList.contains("overlay");
    const part = Number(mix.value) / 50;
    left.picture.style.opacity = on ? Math.min(1, 2 - part) : 1;
    right.picture.style.opacity = on ? Math.min(1, part) : 1;
  }
  function paint(one) {
    one.stage.querySelector(".heat")?.remove();
    heat.setAttribute("aria-pressed", "false");
    one.picture.src = one.source(1600);
    one.stage.setAttribute("aria-label", one.title());
    one.label.textContent = one.title();
  }
  function picker(one, where) {
    if (one.choices.length < 2) return null;
    const select = h("select", { "aria-label": `Drawing on the ${where}`, onchange: () => { one.shown = Number(select.value); paint(one); } },
      one.choices.map((label, place) => h("option", { value: place, selected: place === one.shown }, label)));
    return select;
  }
  async function match() {
    const shown = right.stage.querySelector(".heat");
    if (shown) {
      shown.remove();
      heat.setAttribute("aria-pressed", "false");
      return;
    }
    heat.disabled = true;
    try {
      const drawing = right.design.drawings[right.shown];
      const question = left.design ? `like=${encodeURIComponent(left.design.patent_id)}&like_row=${left.design.drawings[left.shown].row}` : `image=${left.images[left.shown]}`;
      const map = await api.get(`/api/match/${right.design.place}/${encodeURIComponent(right.design.patent_id)}/${drawing.row}?${question}`);
      right.stage.append(heatmap(map, right.picture));
      view.zoom(1.0001);
      view.reset();
      heat.setAttribute("aria-pressed", "true");
      say("Marked: the parts that carry the score");
    } finally {
      heat.disabled = false;
    }
  }
  const box = modal(h("div", { class: "compare" }, head, panes), { label: "Comparison" });
  box.addEventListener("keydown", (event) => {
    if (typing(event)) return;
    if (event.key === "0") view.reset();
    else if (event.key.toLowerCase() === "o") overlay(!panes.classList.contains("overlay"));
    else if (event.key.toLowerCase() === "m" && right.design) attempt(match);
    else keys(event, view);
  });
  [left, right].forEach(paint);
  stages[1].focus();
  return box;
}

async function side(text, state) {
  if (/^\d+$/.test(text)) {
    const images = state.image;
    return {
      images, shown: Number(text), name: "Query", choices: images.map((_, place) => `View ${place + 1}`),
      source(size) { return api.image(images[this.shown], size); },
      title() { return images.length > 1 ? `Query, view ${this.shown + 1}` : "Query"; },
    };
  }
  const [number, row] = text.split("~");
  const design = await api.get(`/api/designs/${encodeURIComponent(number)}`);
  return {
    design, shown: Math.max(0, design.drawings.findIndex((one) => String(one.row) === row)), name: patent(number),
    choices: design.drawings.map(figure),
    source(size) { return api.drawing(design, design.drawings[this.shown], size); },
    title() { return `${patent(number)}, ${figure(design.drawings[this.shown])}`; },
  };
}

/** The map over the picture as it is fitted into its stage. `map.box` is in shares of the page. */
function heatmap(map, picture) {
  const size = 640;
  const ratio = picture.naturalWidth / picture.naturalHeight || 1;
  const canvas = h("canvas", { class: "heat", width: Math.round(ratio >= 1 ? size : size * ratio), height: Math.round(ratio >= 1 ? size / ratio : size), "aria-hidden": "true" });
  const rows = map.cells.length;
  const columns = map.cells[0].length;
  const small = new OffscreenCanvas(columns, rows);
  const pixels = new ImageData(columns, rows);
  map.cells.flat().forEach((value, place) => {
    pixels.data.set([214, 94, 20, Math.round(255 * 0.75 * Math.max(0, value))], place * 4);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const [x, y, width, height] = map.box;
  context.drawImage(small, x * canvas.width, y * canvas.height, width * canvas.width, height * canvas.height);
  return canvas;
}
