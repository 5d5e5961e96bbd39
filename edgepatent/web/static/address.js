// What is asked lives in the address: Back goes back, a bookmark asks again.

/** So many hits are shown at first, and so many more at a time. */
export const STEP = 40;

const MANY = ["image", "locarno", "applicants", "countries", "uspc", "index"];
const ONE = ["like", "text", "since", "before", "by", "kin", "top", "photo", "matter"];
const FLAGS = ["fuse", "any_rotation", "anyway", "whole", "not_itself"];
// What is open on top of a search; it asks nothing.
const OPEN = ["design", "figure", "compare"];

export function read(search = location.search) {
  const given = new URLSearchParams(search);
  const state = {};
  for (const name of MANY) state[name] = given.getAll(name);
  for (const name of [...ONE, ...OPEN]) state[name] = given.get(name) || null;
  for (const name of FLAGS) state[name] = given.get(name) === "1";
  return state;
}

function format(state, names) {
  const out = new URLSearchParams();
  for (const name of names) {
    const value = state[name];
    if (Array.isArray(value)) value.forEach((one) => out.append(name, one));
    else if (value === true) out.set(name, "1");
    else if (value) out.set(name, value);
  }
  // Colons and commas may stand as they are in a query.
  return out.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
}

/** What the server is asked: everything but what is merely open. */
export const question = (state) => format(state, [...MANY, ...ONE, ...FLAGS]);

export function href(state) {
  const query = format(state, [...MANY, ...ONE, ...FLAGS, ...OPEN]);
  return query ? `/?${query}` : "/";
}

export const asks = (state) => state.image.length > 0 || Boolean(state.like) || Boolean(state.text);

const listeners = [];
export const onchange = (listener) => listeners.push(listener);
const tell = () => listeners.forEach((listener) => listener());

/** Go on to a changed state; `replace` leaves no step to come back to. */
export function go(changes, { replace = false, from = read() } = {}) {
  const target = href({ ...from, ...changes });
  if (target === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"]({ ours: true }, "", target);
  tell();
}

/** Close what is open: the step back that opened it, where there was one. */
export function close(name) {
  if (!read()[name]) return;
  if (history.state?.ours) history.back();
  else go({ design: null, figure: null, compare: null }, { replace: true });
}

export function visit(path) {
  history.pushState({ ours: true }, "", path);
  tell();
}

addEventListener("popstate", tell);
