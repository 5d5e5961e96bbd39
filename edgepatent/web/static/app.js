// The page: which room is shown, and what works everywhere.

import * as address from "./address.js";
import * as intake from "./intake.js";
import { $, attempt, button, h, modal, typing } from "./dom.js";

const start = $("#start");
const room = $("#room");
const main = $("#main");

async function show() {
  const path = location.pathname;
  const state = address.read();
  const inSearch = path === "/";
  const asks = inSearch && address.asks(state);
  start.hidden = !inSearch || asks;
  room.hidden = inSearch && !asks;
  for (const link of document.querySelectorAll("[data-room]")) {
    if (path.startsWith(`/${link.dataset.room}`)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!asks) (await loaded)?.leave();
  if (inSearch) {
    $("#words").value = state.text ?? "";
    if (asks) await attempt(async () => (await search()).show(room, state));
    else document.title = "edgepatent";
  } else if (path.startsWith("/matters")) {
    await attempt(async () => (await import("./matters.js")).show(room, path));
  } else if (path.startsWith("/indexes")) {
    await attempt(async () => (await import("./indexes.js")).show(room));
  }
}

let loaded = null;
const search = () => (loaded ??= import("./search.js"));

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || link.hasAttribute("download") || link.target || url.pathname.startsWith("/api")) return;
  event.preventDefault();
  address.visit(url.pathname + url.search);
});

$("[data-words]").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("#words").value.trim() || null;
  const from = location.pathname === "/" ? address.read() : address.read("");
  const changes = { text, top: null, design: null, compare: null, figure: null };
  if (location.pathname === "/") address.go(changes, { from });
  else address.visit(address.href({ ...from, ...changes }));
  main.focus();
});

document.addEventListener("keydown", (event) => {
  if (typing(event)) {
    if (event.key === "Escape" && event.target.id === "words") main.focus();
    return;
  }
  if (event.key === "/" && !$("dialog[open]")) {
    event.preventDefault();
    $("#words").focus();
    $("#words").select();
  } else if (event.key === "?" && !$("dialog[open]")) {
    event.preventDefault();
    keys();
  }
});

function keys() {
  const lines = [
    ["/", "search for words"], ["Ctrl V", "search with the copied image"],
    ["arrows", "walk over the hits"], ["Enter", "open a hit"],
    ["1 2 3", "rate: relevant, background, noise (0 takes it back)"],
    ["S", "onto the shortlist, or off it"], ["L", "more like this"],
    ["C", "compare with the query"], ["← →", "in a design: the next figure"],
    ["+ − 0", "in a comparison: zoom"], ["Esc", "close"],
  ];
  const list = h("dl", { class: "keys" }, lines.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]));
  const box = modal(
    [h("div", { class: "head" }, h("h2", {}, "Keys"), button("Close", () => box.close(), { class: "bare" })), h("div", { class: "body" }, list)],
    { kind: "small-box", label: "Keys" },
  );
}

intake.listen();
address.onchange(show);
show();
