// Draw a query, or crop, turn, mirror and draw over one.

import * as api from "./api.js";
import { button, h, modal, typing } from "./dom.js";

const UNDO = 12;

/** Open the editor on a query image, or on white paper; `done` gets the file. */
export async function open(reference, done) {
  const canvas = h("canvas", { width: 1000, height: 750, tabindex: 0, role: "img", "aria-label": "The drawing" });
  const paper = canvas.getContext("2d", { willReadFrequently: true });
  if (reference) {
    const picture = new Image();
    picture.src = api.image(reference, 1600);
    await picture.decode();
    canvas.width = picture.naturalWidth;
    canvas.height = picture.naturalHeight;
    paper.drawImage(picture, 0, 0);
  } else clear();
  const past = [];
  let tool = reference ? "crop" : "pen";
  let size = 4;
  let stroke = null;

  function clear() {
    paper.fillStyle = "#fff";
    paper.fillRect(0, 0, canvas.width, canvas.height);
  }
  function copy() {
    const kept = new OffscreenCanvas(canvas.width, canvas.height);
    kept.getContext("2d").drawImage(canvas, 0, 0);
    return kept;
  }
  function remember() {
    past.push(copy());
    if (past.length > UNDO) past.shift();
    undo.disabled = false;
  }
  function put(picture, width = picture.width, height = picture.height, draw = (context) => context.drawImage(picture, 0, 0)) {
    canvas.width = width;
    canvas.height = height;
    clear();
    draw(paper);
    fit();
  }
  const turn = (quarters) => () => {
    remember();
    const old = copy();
    put(old, old.height, old.width, (context) => {
      context.translate(old.height / 2, old.width / 2);
      context.rotate((quarters * Math.PI) / 2);
      context.drawImage(old, -old.width / 2, -old.height / 2);
      context.resetTransform();
    });
  };
  const mirror = () => {
    remember();
    const old = copy();
    put(old, old.width, old.height, (context) => {
      context.scale(-1, 1);
      context.drawImage(old, -old.width, 0);
      context.resetTransform();
    });
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  function line(from, to) {
    const grown = canvas.width / canvas.getBoundingClientRect().width;
    paper.strokeStyle = tool === "eraser" ? "#fff" : "#000";
    paper.lineWidth = size * grown * (tool === "eraser" ? 4 : 1);
    paper.lineCap = paper.lineJoin = "round";
    paper.beginPath();
    paper.moveTo(...from);
    paper.lineTo(...to);
    paper.stroke();
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    remember();
    stroke = { from: place(event), last: place(event), before: past.at(-1) };
    if (tool !== "crop") line(stroke.last, stroke.last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    if (tool !== "crop") {
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        line(stroke.last, place(one));
        stroke.last = place(one);
      }
      return;
    }
    stroke.last = place(event);
    paper.drawImage(stroke.before, 0, 0);
    const [x, y, width, height] = box(stroke);
    paper.fillStyle = "rgb(0 0 0 / .35)";
    paper.fillRect(0, 0, canvas.width, y);
    paper.fillRect(0, y + height, canvas.width, canvas.height);
    paper.fillRect(0, y, x, height);
    paper.fillRect(x + width, y, canvas.width, height);
  });
  const box = ({ from, last }) => {
    const within = (value, most) => Math.min(most, Math.max(0, Math.round(value)));
    const [x1, x2] = [from[0], last[0]].map((value) => within(value, canvas.width)).sort((a, b) => a - b);
    const [y1, y2] = [from[1], last[1]].map((value) => within(value, canvas.height)).sort((a, b) => a - b);
    return [x1, y1, x2 - x1, y2 - y1];
  };
  canvas.addEventListener("pointerup", () => {
    if (!stroke) return;
    const [x, y, width, height] = box(stroke);
    const before = stroke.before;
    stroke = null;
    if (tool !== "crop") return;
    if (width > 16 && height > 16) put(before, width, height, (context) => context.drawImage(before, -x, -y));
    else step();
  });
  function step() {
    const last = past.pop();
    if (last) put(last);
    undo.disabled = !past.length;
  }
  const undo = button("Undo", step, { disabled: true, title: "Ctrl Z" });
  const tools = ["crop", "pen", "eraser"].map((name) => button(name[0].toUpperCase() + name.slice(1), () => pick(name), { "data-tool": name }));
  function pick(name) {
    tool = name;
    tools.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.tool === name)));
  }
  // As large as there is room for; the styles keep what is on the screen in proportion.
  const fit = () => (canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`);
  const use = () => canvas.toBlob((blob) => {
    dialog.close();
    done(new File([blob], reference ? "edited.png" : "sketch.png", { type: "image/png" }));
  }, "image/png");
  const width = h("input", { type: "range", min: 1, max: 14, value: size, oninput: () => (size = Number(width.value)) });
  const dialog = modal(h("div", { class: "editor" },
    h("div", { class: "head" }, h("h2", {}, reference ? "Edit the query" : "Draw"),
      h("div", { class: "tools" }, tools, h("label", {}, "Width", width), undo,
        button("↺", turn(-1), { "aria-label": "Turn left" }), button("↻", turn(1), { "aria-label": "Turn right" }),
        button("⇋", mirror, { "aria-label": "Mirror" }), button("Clear", () => { remember(); clear(); })),
      button("Search", use, { class: "main" }), button("Cancel", () => dialog.close(), { class: "bare" })),
    h("div", { class: "easel" }, canvas)), { label: "Editor" });
  dialog.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) step();
    else if (typing(event)) return;
    else if (event.key === "p") pick("pen");
    else if (event.key === "e") pick("eraser");
    else if (event.key === "x") pick("crop");
  });
  pick(tool);
  fit();
  canvas.focus();
}
