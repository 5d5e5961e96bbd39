// Building the page without ever parsing text as markup.

export const $ = (selector, root = document) => root.querySelector(selector);

/** An element. Properties that are functions listen, booleans set or leave out an attribute. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

export const button = (label, onclick, properties = {}) =>
  h("button", { type: "button", onclick, ...properties }, label);

export const number = (value) => value.toLocaleString("en-US");
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
export const score = (value) => (value == null ? "" : value.toFixed(2));

/** How good a hit is, and how likely it is the same design; nothing is certain. */
export const verdict = (hit) => `${hit.verdict} ${Math.round(100 * Math.min(Math.max(hit.probability, 0.01), 0.99))} %`;

/** "USD0907292" as front pages print it, "US D907,292"; other ids as they are. */
export function patent(id) {
  const match = /^USD0*(\d+)$/.exec(id);
  return match ? `US D${Number(match[1]).toLocaleString("en-US")}` : id;
}

export const figure = (drawing) =>
  [drawing.figure ? `Fig. ${drawing.figure}` : "Drawing", drawing.view].filter(Boolean).join(", ");

/** Tell people who listen to the page what has changed. */
export function say(text) {
  $("#said").textContent = text;
}

let timer = 0;
/** A passing message; errors stay longer. */
export function toast(text, milliseconds = 6000) {
  const box = $("#toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => (box.hidden = true), milliseconds);
}

/** Run something that may fail, and say so if it does. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") toast(error.message, 9000);
    return undefined;
  }
}

/** A modal box; closing it by any way calls `onclose` once. */
export function modal(content, { kind = "full", label, onclose } = {}) {
  const box = h("dialog", { class: kind, "aria-label": label }, content);
  box.addEventListener("close", () => {
    box.remove();
    onclose?.();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

export const typing = (event) =>
  event.ctrlKey || event.metaKey || event.altKey ||
  /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && !/^(range|checkbox|radio)$/.test(event.target.type);
