// A file with several pages: which of them are meant?

import * as api from "./api.js";
import { button, h, modal } from "./dom.js";

/** References of the parts that a person chooses; none where the box was closed. */
export function choose(sent) {
  return new Promise((resolve) => {
    const choices = sent.pages.map((one) => [one.reference, one.label]);
    const boxes = choices.map(([reference]) => h("input", { type: "checkbox", value: reference }));
    const list = h("div", { class: "pages", role: "group", "aria-label": "Pages" }, choices.map(([reference, label], place) =>
      h("label", {}, h("img", { src: api.image(reference, 320), alt: "", loading: "lazy" }), h("span", {}, boxes[place], label))));
    let chosen = [];
    const use = button("Search", () => {
      chosen = boxes.filter((one) => one.checked).map((one) => one.value);
      box.close();
    }, { class: "main" });
    const all = button("All drawings", () => {
      chosen = [sent.id];
      box.close();
    });
    const count = () => (use.disabled = !boxes.some((one) => one.checked));
    list.addEventListener("change", count);
    list.addEventListener("dblclick", (event) => {
      const picked = event.target.closest("label")?.querySelector("input");
      if (!picked) return;
      chosen = [picked.value];
      box.close();
    });
    const box = modal([
      h("div", { class: "head" }, h("h2", {}, "Which pages are meant?"), use, all, button("Cancel", () => box.close(), { class: "bare" })),
      h("div", { class: "body" }, h("p", { class: "quiet" }, "Choose one, or several views of the same design; or all pages that are drawings. Their figures are told apart."), list),
    ], { kind: "full", label: "Choose pages", onclose: () => resolve(chosen) });
    box.style.overflow = "auto";
    count();
  });
}
