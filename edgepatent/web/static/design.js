// One design with all its figures: look, rate, note, go on from here.

import * as address from "./address.js";
import * as api from "./api.js";
import * as deeds from "./deeds.js";
import * as matter from "./matter.js";
import { attempt, button, figure, h, modal, patent, score, typing, verdict } from "./dom.js";
import { keys, link } from "./zoom.js";

export async function open(state, answer) {
  const hit = answer.hits.find((one) => one.patent_id === state.design);
  const stored = await api.get(`/api/designs/${encodeURIComponent(state.design)}`);
  const design = hit && state.by !== "drawing" ? hit : { ...stored, ...(hit ?? {}), drawings: stored.drawings };
  let shown = Math.max(0, design.drawings.findIndex((one) => String(one.row) === state.figure));
  const picture = h("img", { alt: "", draggable: "false" });
  const label = h("span", { class: "label" });
  const stage = h("div", { class: "stage", tabindex: 0, role: "img" }, picture, label);
  const view = link([stage]);
  const sheet = h("img", { alt: "" });
  const around = h("figure", { class: "place", hidden: true }, sheet, h("figcaption", { class: "quiet small" }));
  sheet.addEventListener("load", () => (around.hidden = false));
  const strip = h("div", { class: "strip", role: "group", "aria-label": "Figures" }, design.drawings.map((one, place) =>
    h("button", { type: "button", onclick: () => turn(place) },
      h("img", { src: api.drawing(design, one, 128), alt: "", loading: "lazy" }),
      h("span", {}, figure(one)), one.score != null && h("span", { class: "num quiet" }, score(one.score)))));

  function turn(place) {
    shown = (place + design.drawings.length) % design.drawings.length;
    const one = design.drawings[shown];
    view.reset();
    picture.src = api.drawing(design, one, 420);
    const sharp = new Image();
    sharp.onload = () => design.drawings[shown] === one && (picture.src = sharp.src);
    sharp.src = api.drawing(design, one, 1600);
    const name = `${figure(one)} of ${patent(design.patent_id)}`;
    stage.setAttribute("aria-label", name);
    label.textContent = figure(one);
    around.hidden = true;
    if (one.box) {
      sheet.src = api.sheet(design, one, 320);
      around.lastChild.textContent = `${figure(one)} on its sheet`;
    }
    [...strip.children].forEach((child, number) => {
      if (number === shown) child.setAttribute("aria-pressed", "true");
      else child.removeAttribute("aria-pressed");
    });
    strip.children[shown].scrollIntoView({ block: "nearest", inline: "nearest" });
    address.go({ figure: String(one.row) }, { replace: true });
  }

  const head = h("div", { class: "head" }, h("h2", {}, patent(design.patent_id)),
    button("Compare", () => compare(), { title: "Side by side with the query (C)" }),
    button("More like this", () => address.visit(deeds.like(design, state)), { title: "Search with its drawings (L)" }),
    button("Close", () => box.close(), { class: "bare" }));
  const compare = () => address.go({ compare: deeds.comparison(design, design.drawings[shown], state), design: null, figure: null });
  const about = h("div", { class: "about" }, ...facts(design), around, ...decisions(design, state));
  const content = h("div", { class: "design" }, head, h("div", { class: "body" }, h("div", { class: "look" }, stage, strip), about));
  const box = modal(content, { label: patent(design.patent_id) });
  box.addEventListener("keydown", (event) => {
    if (typing(event)) return;
    if (event.key === "ArrowRight") turn(shown + 1);
    else if (event.key === "ArrowLeft") turn(shown - 1);
    else if (event.key.toLowerCase() === "c") compare();
    else if (!keys(event, view) && deeds.act(event, design, state)) setTimeout(refresh, 150);
  });
  const refresh = () => about.replaceChildren(...facts(design), around, ...decisions(design, state));
  turn(shown);
  stage.focus();
  return box;
}

function facts(design) {
  const lines = [
    ["Locarno", design.locarno && `${design.locarno} ${design.locarno_name ?? ""}`],
    ["Kind", !design.locarno && design.subclass], ["Date", design.date], ["Verdict", design.verdict && verdict(design)],
    ["Score", design.cosine != null && score(design.cosine)], ["Figures", String(design.drawings.length)],
    ...design.facts, ["Index", design.index], ["File", design.drawings[0].path],
  ].filter(([, value]) => value);
  return [h("h3", {}, design.title ?? "Untitled"),
    h("dl", { class: "facts-list" }, lines.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))];
}

function decisions(design, state) {
  if (!state.matter) {
    return [h("p", { class: "quiet small" }, "Choose a matter above the results to rate this design, or begin one."),
      button("New matter …", () => matter.begin((name) => address.go({ matter: name }, { replace: true })))];
  }
  const known = matter.decided(design.patent_id);
  const rates = matter.RATINGS.map((rating, place) => {
    const one = button(rating, () => decide({ rating: one.getAttribute("aria-pressed") === "true" ? null : rating }), {
      class: rating, "aria-pressed": String(known?.rating === rating), title: `Key ${place + 1}` });
    return one;
  });
  const star = button("★ Shortlist", () => decide({ shortlisted: star.getAttribute("aria-pressed") !== "true" }), {
    "aria-pressed": String(Boolean(known?.shortlisted)), title: "Key S" });
  const note = h("textarea", { "aria-label": "Note", placeholder: "Note", maxlength: 4000, onchange: () => decide({ note: note.value }) });
  note.value = known?.note ?? "";
  async function decide(changes) {
    await attempt(async () => {
      await deeds.change(design, changes, state);
      const now = matter.decided(design.patent_id);
      rates.forEach((one, place) => one.setAttribute("aria-pressed", String(now?.rating === matter.RATINGS[place])));
      star.setAttribute("aria-pressed", String(Boolean(now?.shortlisted)));
    });
  }
  return [h("div", { class: "rate", role: "group", "aria-label": "Rating" }, rates), star, note,
    h("p", { class: "quiet small" }, `Kept in “${state.matter}”.`)];
}
