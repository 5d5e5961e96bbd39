// How images come in: dropped, pasted, chosen, photographed, drawn.

import * as address from "./address.js";
import { send } from "./api.js";
import { $, attempt, say, toast } from "./dom.js";

/** Send files; ask with the parts that are meant. `add`: beside the views that are there, `replace`:
 * in place of one; what was `drawn` here is a drawing, whatever it looks like. */
export async function take(files, { add = false, replace = null, drawn = false } = {}) {
  const pictures = [...files];
  if (!pictures.length) return;
  const bar = document.createElement("div");
  bar.className = "bar";
  document.body.append(bar);
  say("Reading the image");
  try {
    await attempt(async () => {
      const references = [];
      for (const file of pictures) {
        const sent = await send(file, file.name || "pasted image.png");
        references.push(...(await parts(sent)));
      }
      if (!references.length) return;
      const state = location.pathname === "/" ? address.read() : address.read("");
      let image = references;
      if (replace) image = state.image.flatMap((one) => (one === replace ? references : [one]));
      else if (add) image = [...state.image, ...references];
      const from = add || replace ? state : { ...address.read(""), matter: state.matter };
      const target = address.href({ ...from, image: [...new Set(image)].slice(0, 8), like: null, anyway: from.anyway || drawn, design: null, compare: null, figure: null });
      if (target === location.pathname + location.search) toast("This is the image that was searched with.");
      else address.visit(target);
    });
  } finally {
    bar.remove();
  }
}

/** Which parts of a file are meant: asked where there is a choice. */
async function parts(sent) {
  if (sent.pages.length < 2) return [sent.id];
  return (await import("./chooser.js")).choose(sent);
}

let purpose = {};
/** Let the person choose files, or photograph one. */
export function choose(options = {}, camera = false) {
  purpose = options;
  $(camera ? "#camera" : "#file").click();
}

export async function draw(options = {}, reference = null) {
  const editor = await import("./editor.js");
  await editor.open(reference, (file) => take([file], { ...options, drawn: true }));
}

export function listen() {
  for (const id of ["#file", "#camera"]) {
    $(id).addEventListener("change", (event) => {
      const files = [...event.target.files];
      event.target.value = "";
      take(files, purpose);
    });
  }
  document.addEventListener("click", (event) => {
    const what = event.target.closest("[data-do]")?.dataset.do;
    if (what === "choose") choose();
    else if (what === "photograph") choose({}, true);
    else if (what === "draw") draw();
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) {
      event.preventDefault();
      take(files);
    }
  });
  let depth = 0;
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  const over = (by) => document.body.classList.toggle("over", (depth = Math.max(0, depth + by)) > 0);
  addEventListener("dragenter", (event) => carries(event) && over(1));
  addEventListener("dragleave", (event) => carries(event) && over(-1));
  addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    over(-depth);
    take(event.dataTransfer.files, { add: Boolean(event.target.closest?.("[data-views]")) });
  });
}
