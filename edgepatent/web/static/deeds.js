// What can be done to a design, in the grid as in its own box: rate it, go on from it, compare it.

import * as address from "./address.js";
import * as matter from "./matter.js";
import { $, attempt, patent, say, toast } from "./dom.js";

/** The keys that mean the same wherever a design is shown; whether the key was one of them. */
export function act(event, hit, state) {
  const key = event.key.toLowerCase();
  if (/^[0-3]$/.test(key)) attempt(() => change(hit, { rating: matter.RATINGS[Number(key) - 1] ?? null }, state));
  else if (key === "s") attempt(() => change(hit, { shortlisted: !matter.decided(hit.patent_id)?.shortlisted }, state));
  else if (key === "l") address.visit(like(hit, state));
  else if (key === "c") address.go({ compare: comparison(hit, hit.drawings[0], state), design: null, figure: null });
  else return false;
  event.preventDefault();
  return true;
}

export const like = (hit, state) =>
  address.href({ ...address.read(""), like: hit.patent_id, matter: state.matter, index: state.index });

export const comparison = (hit, drawing, state) => {
  const right = `${hit.patent_id}~${drawing.row}`;
  if (state.image.length) return `0~~${right}`;
  return `${state.like ?? hit.patent_id}~~${right}`;
};

/** Decide something about a design; whoever shows it hears of it by the event "decided". */
export async function change(hit, changes, state) {
  if (!state.matter) {
    toast("Ratings are kept in a matter: choose or begin one first.");
    $("[data-matter]")?.focus();
    return;
  }
  await matter.decide(state.matter, hit.patent_id, changes);
  document.dispatchEvent(new CustomEvent("decided", { detail: hit.patent_id }));
  const now = matter.decided(hit.patent_id);
  say(`${patent(hit.patent_id)}: ${now?.rating ?? "not rated"}${now?.shortlisted ? ", on the shortlist" : ""}`);
}
