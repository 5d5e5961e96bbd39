// A search: what was asked and what narrows it, and the designs that were found.

import * as address from "./address.js";
import * as api from "./api.js";
import * as deeds from "./deeds.js";
import * as facets from "./facets.js";
import * as matter from "./matter.js";
import { views } from "./views.js";
import { $, attempt, button, figure, h, number, patent, plural, say, score, typing, verdict } from "./dom.js";

let asked = null; // the question that is shown
let answer = null;
let pending = null;
let parts = null; // the elements of this room
let box = null; // the open dialog
let unfolded = false; // whether hits that are no close match are shown

export function leave() {
  asked = answer = parts = null;
  pending?.abort();
  box?.close("left");
}

export async function show(room, state) {
  const question = address.question(state);
  if (!parts || !room.contains(parts.root)) build(room);
  if (question !== asked) await ask(question, state);
  if (question === asked && answer) await open(state);
}

function build(room) {
  const asking = h("aside", { class: "asked", "aria-label": "The question" });
  const found = h("section", { class: "found", "aria-label": "Designs found" });
  parts = { root: h("div", { class: "search" }, asking, found), asking, found };
  room.replaceChildren(parts.root);
}

async function ask(question, state) {
  pending?.abort();
  pending = new AbortController();
  const { signal } = pending;
  asked = question;
  answer = null;
  unfolded = false;
  document.title = `${state.text ?? (state.like ? patent(state.like) : "Search")} – edgepatent`;
  parts.found.setAttribute("aria-busy", "true");
  const bar = h("div", { class: "bar" });
  document.body.append(bar);
  try {
    const query = question.replace(/(^|&)top=\d+/, "");
    const wanted = `/api/search?${query}&top=${state.top ?? address.STEP}`;
    const [result, decisions] = await Promise.all([api.get(wanted, signal), matter.decisions(state.matter)]);
    if (signal.aborted) return;
    answer = result;
    draw(state, decisions);
    say(`${plural(result.hits.length, "design")} found`);
    facets.show($(".narrow", parts.asking), state, query, signal);
  } catch (error) {
    if (signal.aborted) return;
    asked = null;
    failed(error, state);
  } finally {
    bar.remove();
    if (!signal.aborted) parts?.found.setAttribute("aria-busy", "false");
  }
}

function draw(state) {
  const narrow = h("div", { class: "narrow" });
  parts.asking.replaceChildren(views(state), fold(), narrow);
  parts.found.replaceChildren(status(state), chips(state), notes(), product(state), grid(state), folded(state), more(state));
}

/** The hits that are shown: where one stands among them is the place of its card. */
const shown = () => (answer?.hits ?? []).filter((hit) => unfolded || !hit.folded);
const placeOf = (number) => shown().findIndex((hit) => hit.patent_id === number);

/** The hits that nobody need see: how many there are, and a way to them. */
function folded(state) {
  const count = answer.hits.filter((hit) => hit.folded).length;
  if (!count || unfolded) return h("div", { hidden: true });
  return h("div", { class: "folded" },
    h("p", {}, `${number(count)} more ${count === 1 ? "is" : "are"} no close match.`),
    button(count === 1 ? "Show it" : "Show them", () => {
      unfolded = true;
      draw(state);
      $(`[data-place="${answer.hits.findIndex((hit) => hit.folded)}"]`)?.focus();
    }));
}

function fold() {
  const toggle = button("Narrow the search", () => {
    const open = parts.asking.classList.toggle("open");
    toggle.setAttribute("aria-expanded", open);
  }, { class: "fold", "aria-expanded": parts.asking.classList.contains("open") });
  return toggle;
}

function failed(error, state) {
  const notice = h("div", { class: "notice bad", role: "alert" }, h("p", {}, error.message));
  const row = h("div", { class: "row" });
  row.append(button("Start again", () => address.visit("/")));
  notice.append(row);
  parts.asking.replaceChildren(views(state));
  parts.found.replaceChildren(notice);
}

function status(state) {
  const what = state.by === "drawing" ? "drawing" : "design";
  const turned = answer.quarters.some(Boolean) ? ", turned to fit" : "";
  const text = h("p", {}, h("strong", {}, plural(shown().length, what)),
    ` of ${plural(answer.searched, "drawing")}, in ${Math.max(1, Math.round(answer.timings_ms.total))} ms${turned}`);
  return h("div", { class: "status" }, h("h1", { class: "sr" }, "Designs found"), text,
    button("Classify", () => attempt(async () => (await import("./classify.js")).show(state)), {
      hidden: !state.image.length, title: "Which Locarno class is this?" }),
    button(state.by === "drawing" ? "By design" : "By drawing", () => address.go({ by: state.by ? null : "drawing" }), {
      hidden: !(state.image.length || state.like) || state.fuse }),
    matter.picker(state),
    state.matter && button("Keep this search", () => attempt(() => matter.keepSearch(state)), { class: "main" }));
}

/** What was made of the question, a line each. */
function notes() {
  return h("div", { class: "quiet small", "data-notes": "", hidden: !answer.notes.length }, answer.notes.map((line) => h("p", {}, line)));
}

/** The contours of what was taken for a photograph of a product, and the way to say that it is none. */
function product(state) {
  const said = answer.notes.filter((note) => note.includes("photograph of a product"));
  const changes = said.length ? { photo: "no" } : { photo: "product" };
  const shown = said.length > 0 || state.photo === "no";
  return h("div", { class: "row product", hidden: !shown },
    ...(said.length ? state.image.map((one) => h("img", { src: `${api.image(one, 160)}&contours=1`, alt: "Its contours", height: 80 })) : []),
    button(said.length ? "It is no photograph" : "It is a photograph of a product", () => address.go({ top: null, ...changes })));
}

function chips(state) {
  const list = [];
  const chip = (label, changes) =>
    list.push(h("li", {}, button(label, () => address.go({ top: null, ...changes }), { title: "Remove this filter" })));
  for (const code of state.locarno) chip(`Locarno ${code}`, { locarno: state.locarno.filter((one) => one !== code) });
  if (state.since) chip(`from ${state.since}`, { since: null });
  if (state.before) chip(`before ${state.before}`, { before: null });
  for (const [name, label] of facets.NAMED) for (const value of state[name]) chip(`${label} ${value}`, { [name]: state[name].filter((one) => one !== value) });
  if (state.kin && !["0", "1"].includes(state.kin)) chip(`Kin ${state.kin}`, { kin: null });
  if (state.text) chip(state.fuse ? `ranked with “${state.text}”` : `“${state.text}”`, { text: null, fuse: false });
  return h("ul", { class: "chips", "aria-label": "Filters", hidden: !list.length }, list);
}

function grid(state) {
  if (!answer.hits.length) {
    return h("div", { class: "notice" }, h("p", {}, "No indexed drawing passes the filters."),
      h("div", { class: "row" }, button("Take all filters off", () => address.go({ locarno: [], since: null, before: null, index: [], applicants: [], countries: [], uspc: [], text: state.image.length || state.like ? null : state.text }))));
  }
  const list = h("ol", { class: "grid", "data-grid": "" }, shown().map((hit, place) => h("li", {}, card(hit, place, state))));
  list.addEventListener("keydown", (event) => walk(event, list, state));
  return list;
}

function card(hit, place, state) {
  const best = hit.drawings[0];
  const decided = matter.decided(hit.patent_id);
  const words = wordsOf(hit);
  const picture = h("img", { src: api.drawing(hit, best, 128), alt: "", loading: place < 12 ? "eager" : "lazy", decoding: "async" });
  // As large as it is shown: a browser that shrinks a picture pales its lines.
  sharpen(picture, api.drawing(hit, best, devicePixelRatio > 1 ? 420 : 240));
  const link = h("a", {
    class: `card${decided?.rating ? ` is-${decided.rating}` : ""}`,
    href: address.href({ ...state, design: hit.patent_id, figure: String(best.row) }),
    tabindex: place ? -1 : 0, "data-place": place,
    "aria-label": `${hit.rank}. ${patent(hit.patent_id)}, ${hit.title ?? "untitled"}, ${figure(best)}${hit.verdict ? `, ${verdict(hit)}` : ""}${words ? `, ${words[0]}` : ""}${hit.cosine == null ? "" : `, score ${score(hit.cosine)}`}${decided?.rating ? `, rated ${decided.rating}` : ""}`,
  },
    h("span", { class: "sheet" }, picture, state.by !== "drawing" && hit.drawings.length > 1 && h("span", { class: "many" }, `${hit.drawings.length} figures`),
      words && h("span", { class: "way", title: words[1] }, words[0])),
    hit.verdict && h("span", { class: "badge", "data-verdict": hit.verdict }, verdict(hit)),
    mark(decided),
    h("span", { class: "text" },
      h("span", { class: "line" }, h("span", { class: "id" }, patent(hit.patent_id)), h("span", { class: "num quiet" }, score(hit.cosine))),
      h("div", { class: "title" }, hit.title ?? "—"),
      h("div", { class: "facts" }, [hit.locarno ?? hit.subclass, hit.date, state.by === "drawing" && figure(best)].filter(Boolean).join(" · "))));
  return link;
}

/** How words found a hit, and what that means; null where that goes without saying: by words alone, or by none. */
const wordsOf = (hit) => {
  if (hit.found_by === "look") return ["by its look", `${hit.title ? "Its title has none of the words" : "It has no title"}: found by what it looks like`];
  if (hit.found_by === "words" && hit.cosine != null) return ["words match", "Its title, or what its figures are called, has the words"];
  return null;
};

const mark = (decided) => {
  if (!decided?.rating && !decided?.shortlisted) return null;
  return h("span", { class: `badge rating ${decided.rating ?? ""}` }, [decided.shortlisted && "★", decided.rating].filter(Boolean).join(" "));
};

/** Show the small picture at once, the sharp one when it is there. */
function sharpen(picture, source) {
  const watch = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    watch.disconnect();
    const sharp = new Image();
    sharp.onload = () => (picture.src = source);
    sharp.src = source;
  }, { rootMargin: "300px" });
  watch.observe(picture);
}

function more(state) {
  const wanted = Number(state.top ?? address.STEP);
  return h("div", { class: "more" }, answer.hits.length >= wanted && wanted < 400 && (unfolded || !answer.hits.some((hit) => hit.folded)) &&
    button(`Show ${number(address.STEP)} more`, () => address.go({ top: String(wanted + address.STEP) }, { replace: true })));
}

function walk(event, list, state) {
  const cards = [...list.querySelectorAll(".card")];
  const place = cards.indexOf(event.target.closest(".card"));
  if (place < 0 || typing(event)) return;
  const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  const hit = shown()[place];
  let target = null;
  if (event.key in steps) target = place + steps[event.key];
  else if (event.key === "Home") target = 0;
  else if (event.key === "End") target = cards.length - 1;
  if (target !== null) {
    event.preventDefault();
    if (target >= 0 && target < cards.length) {
      cards[place].tabIndex = -1;
      cards[target].tabIndex = 0;
      cards[target].focus();
    }
  } else deeds.act(event, hit, state);
}

document.addEventListener("decided", ({ detail }) => {
  const place = placeOf(detail);
  const old = place >= 0 && $(`[data-place="${place}"]`);
  if (!old) return;
  const fresh = card(shown()[place], place, address.read());
  fresh.tabIndex = old.tabIndex;
  const focused = old === document.activeElement;
  old.replaceWith(fresh);
  if (focused) fresh.focus();
});

async function open(state) {
  const wanted = state.compare ? `c${state.compare}` : state.design ? `d${state.design}` : null;
  if (box?.wanted === wanted) return;
  if (box) {
    const old = box;
    box = null;
    old.close("left");
  }
  if (!wanted) return;
  const module = state.compare ? import("./compare.js") : import("./design.js");
  await attempt(async () => {
    const opened = await (await module).open(address.read(), answer);
    opened.wanted = wanted;
    box = opened;
    opened.addEventListener("close", () => {
      if (box !== opened) return;
      box = null;
      if (opened.returnValue !== "left") address.close(state.compare ? "compare" : "design");
      $(`[data-place="${placeOf(state.design)}"]`)?.focus();
    });
  });
}
