// Which Locarno class is this? Suggestions with what speaks for them.

import * as address from "./address.js";
import * as api from "./api.js";
import { attempt, button, h, modal, patent } from "./dom.js";

const percent = (share) => `${Math.round(share * 100)} %`;

export async function show(state) {
  const body = h("div", { class: "body" }, h("p", { class: "quiet", role: "status" }, "Asking the neighbours. The first time this takes some seconds: the confidence is fitted to your index."));
  const box = modal([h("div", { class: "head" }, h("h2", {}, "Which class is this?"), button("Close", () => box.close(), { class: "bare" })), body],
    { kind: "small-box", label: "Locarno classes" });
  await attempt(async () => {
    const query = new URLSearchParams(state.image.map((one) => ["image", one]));
    if (state.anyway) query.set("anyway", "1");
    const found = await api.get(`/api/classify?${query}`);
    const fitted = found.calibration;
    body.replaceChildren(
      h("p", { class: "quiet small" }, `Right first for ${percent(fitted.accuracy)} of ${fitted.patents} designs of this index; a confidence is off by ${(fitted.ece * 100).toFixed(1)} points on average.`),
      h("div", {}, found.suggestions.map((one) => guess(one, state, box))));
  });
}

function guess(one, state, box) {
  const meter = h("i", {});
  meter.style.width = percent(one.confidence);
  return h("div", { class: "guess" },
    h("strong", { class: "num" }, percent(one.confidence)),
    h("div", {}, h("div", { class: "row" }, h("span", {}, `${one.locarno} ${one.name ?? ""}`),
      button("Narrow to it", () => { box.close(); address.go({ locarno: [one.locarno], top: null }); }, { class: "bare small" })), h("div", { class: "meter" }, meter)),
    h("div", { class: "evidence" }, one.drawings.map((drawing) =>
      h("img", { src: api.drawing(drawing, drawing, 240), alt: `${patent(drawing.patent_id)}, ${drawing.title ?? ""}`, title: `${patent(drawing.patent_id)} ${drawing.title ?? ""}` }))));
}
