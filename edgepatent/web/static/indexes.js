// What is indexed; add a folder, check every byte.

import * as api from "./api.js";
import { $, attempt, button, h, modal, number, toast } from "./dom.js";

const own = document.body.dataset.own === "yes";
const size = (bytes) => (bytes > 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`);

export async function show(room) {
  document.title = "Indexes – edgepatent";
  const { indexes, jobs } = await api.get("/api/indexes");
  room.replaceChildren(h("div", { class: "room" }, h("h1", {}, "Indexes"), indexes.map((each) => panel(each, room))));
  jobs.filter((job) => job.state === "running").forEach((job) => follow(job, room));
}

function panel(each, room) {
  const stats = [["designs", number(each.patents)], ["drawings", number(each.drawings)], ["on the disk", size(each.bytes)], ["model", each.model]];
  return h("section", { class: "panel", "data-index": each.place },
    h("h2", {}, each.path),
    h("dl", { class: "stats" }, stats.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    Object.keys(each.roots).length > 0 && h("p", { class: "quiet small" }, `From ${Object.values(each.roots).join(", ")}`),
    deeds(each, room),
    h("div", { "data-jobs": "" }));
}

function deeds(each, room) {
  const quiet = (text) => h("p", { class: "quiet small" }, text);
  if (!each.changeable) return quiet("It is served elsewhere: folders are added, and bytes checked, where its shards lie.");
  if (!own) return quiet("Folders are added on the machine itself.");
  return h("div", { class: "row" },
    button("Add a folder …", () => attempt(() => browse((folder) => start(each, { kind: "add", folder }, room))), { class: "main" }),
    button("Verify", () => start(each, { kind: "verify" }, room)));
}

const start = (each, wanted, room) => attempt(async () => follow(await api.post(`/api/indexes/${each.place}/jobs`, wanted), room));

function follow(job, room) {
  const bar = h("progress", { "aria-label": job.title });
  const text = h("p", { class: "small", role: "status" });
  const cancel = button("Cancel", () => attempt(() => api.remove(`/api/jobs/${job.id}`)));
  const row = h("div", { class: "row" }, h("div", { class: "grow" }, text, bar), cancel);
  $(`[data-index="${job.place}"] [data-jobs]`)?.append(row);
  async function look() {
    if (!row.isConnected) return;
    const now = await attempt(() => api.get(`/api/jobs/${job.id}`));
    if (!now) return;
    if (now.total) {
      bar.max = now.total;
      bar.value = now.done;
    }
    const rate = now.seconds > 1 && now.done ? ` · ${(now.done / now.seconds).toFixed(1)} a second` : "";
    const left = now.total && now.done > 5 ? ` · ${Math.ceil(((now.total - now.done) / now.done) * now.seconds)} s left` : "";
    text.textContent = now.state === "running" ? `${now.title}: ${now.task || "starting"} ${number(now.done)}${now.total ? ` of ${number(now.total)}` : ""}${rate}${left}` : now.message;
    if (now.state === "running") return void setTimeout(look, 500);
    cancel.remove();
    bar.remove();
    toast(now.message);
    if (now.state === "done" && now.kind === "add") setTimeout(() => row.isConnected && show(room), 2500);
  }
  look();
}

async function browse(then) {
  const input = h("input", { "aria-label": "Folder", spellcheck: "false", autocomplete: "off" });
  const list = h("ul", { class: "list" });
  const about = h("p", { class: "quiet small", role: "status" });
  async function look(folder) {
    const found = await api.get(`/api/folders${folder ? `?under=${encodeURIComponent(folder)}` : ""}`);
    input.value = found.folder;
    about.textContent = found.images ? `${number(found.images)}${found.more ? "+" : ""} images or archives directly in this folder.` : "No images directly in this folder; what lies deeper is found as well.";
    const line = (label, path) => h("li", {}, button(label, () => attempt(() => look(path)), { class: "bare" }));
    list.replaceChildren(...[found.parent && line("↑ up", found.parent), ...found.folders.map((each) => line(each.name, each.path))].filter(Boolean));
  }
  const box = modal([
    h("div", { class: "head" }, h("h2", {}, "Add a folder"), button("Add", () => { box.close(); then(input.value); }, { class: "main" }), button("Cancel", () => box.close(), { class: "bare" })),
    h("form", { class: "body", onsubmit: (event) => { event.preventDefault(); attempt(() => look(input.value)); } }, input, about, list),
  ], { kind: "small-box", label: "Add a folder" });
  await look("");
}
