// Matters: what was kept, and how it leaves the machine's memory for paper.

import * as address from "./address.js";
import * as api from "./api.js";
import * as matter from "./matter.js";
import { attempt, button, h, patent, plural } from "./dom.js";

export async function show(room, path) {
  const name = decodeURIComponent(path.split("/")[2] ?? "");
  if (name) await one(room, name);
  else await all(room);
}

async function all(room) {
  document.title = "Matters – edgepatent";
  const { matters, folder } = await api.get("/api/matters");
  const begin = button("New matter", () => matter.begin((name) => address.visit(`/matters/${encodeURIComponent(name)}`)), { class: "main" });
  room.replaceChildren(h("div", { class: "room" },
    h("div", { class: "row" }, h("h1", {}, "Matters"), begin),
    h("p", { class: "quiet" }, "A matter keeps what you choose to keep of a case: queries, filters, ratings, notes and records. It is a folder of plain files in ", h("code", {}, folder), "."),
    matters.length
      ? h("ul", { class: "panel list" }, matters.map((each) => h("li", {},
        h("a", { class: "grow", href: `/matters/${encodeURIComponent(each.name)}` }, each.title),
        h("span", { class: "quiet small" }, `${plural(each.searches, "search", "searches")}, ${plural(each.decisions, "design")} · begun ${each.created.slice(0, 10)}`))))
      : h("p", { class: "notice" }, "There is none yet.")));
}

async function one(room, name) {
  document.title = `${name} – edgepatent`;
  const path = `/api/matters/${encodeURIComponent(name)}`;
  const kept = await api.get(path);
  const groups = [["Shortlist", (each) => each.shortlisted], ...matter.RATINGS.map((rating) => [rating[0].toUpperCase() + rating.slice(1), (each) => each.rating === rating]),
    ["Noted", (each) => !each.rating && !each.shortlisted && each.note]];
  room.replaceChildren(h("div", { class: "room" },
    h("div", { class: "row" }, h("h1", {}, kept.title), h("div", { class: "row" },
      h("a", { class: "button main", href: `/matters/${encodeURIComponent(name)}/report`, target: "_blank" }, "Report to print"),
      h("a", { class: "button", href: `${path}/designs.csv`, download: `${name}.csv` }, "CSV"))),
    h("section", { class: "panel" }, h("h2", {}, "Searches"),
      kept.searches.length
        ? h("ul", { class: "list" }, kept.searches.map((each) => h("li", {},
          h("span", { class: "grow" }, h("a", { href: each.address }, each.asked), h("span", { class: "quiet small" }, ` · ${plural(each.hits, "hit")} · ${each.created.replace("T", " ").slice(0, 16)} UTC`)),
          h("a", { href: `${path}/searches/${each.name}.json`, download: `${each.name}.json` }, "Record"))))
        : h("p", { class: "quiet" }, "None was kept yet: choose this matter above some results, and keep the search.")),
    ...groups.map(([title, belongs]) => {
      const designs = kept.decisions.filter(belongs);
      return designs.length ? h("section", { class: "panel" }, h("h2", {}, `${title} (${designs.length})`), h("ul", { class: "rated" }, designs.map((each) => rated(each, name)))) : null;
    }).filter(Boolean)));
}

function rated(decision, name) {
  const sheet = h("span", { class: "sheet" });
  const title = h("div", { class: "title" });
  attempt(async () => {
    const design = await api.get(`/api/designs/${encodeURIComponent(decision.patent_id)}`);
    sheet.append(h("img", { src: api.drawing(design, design.drawings[0], 240), alt: "" }));
    title.textContent = design.title ?? "";
  });
  return h("li", {}, sheet, h("div", { class: "text" },
    h("a", { class: "id", href: address.href({ ...address.read(""), like: decision.patent_id, matter: name, design: decision.patent_id }) }, patent(decision.patent_id)), title,
    h("div", { class: `small ${decision.rating ?? ""}` }, [decision.shortlisted && "★ shortlist", decision.rating].filter(Boolean).join(" · ")),
    decision.note && h("p", { class: "note small" }, decision.note)));
}
