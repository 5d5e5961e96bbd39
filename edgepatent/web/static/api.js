// The server's side of the page: the same that programs use (see /api).

async function call(method, path, { body, json, signal, headers } = {}) {
  const response = await fetch(path, {
    method,
    signal,
    headers: json === undefined ? headers : { "content-type": "application/json" },
    body: json === undefined ? body : JSON.stringify(json),
  }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Error("The program does not answer any more: start edgepatent serve again.");
  });
  const answer = response.headers.get("content-type")?.startsWith("application/json") ? await response.json() : null;
  if (!response.ok) throw new Error(answer?.error ?? `The request failed (${response.status}).`);
  return answer;
}

export const get = (path, signal) => call("GET", path, { signal });
export const post = (path, json) => call("POST", path, { json });
export const put = (path, json) => call("PUT", path, { json });
export const remove = (path) => call("DELETE", path);
export const send = (file, name) =>
  call("POST", "/api/images", { body: file, headers: { "x-name": encodeURIComponent(name) } });

/** Where the picture of a stored drawing is. */
export const drawing = (hit, one, side) =>
  `/api/drawings/${hit.place}/${encodeURIComponent(hit.patent_id)}/${one.row}.png?side=${side}`;
/** Where the picture of the sheet is that a figure is from. */
export const sheet = (hit, one, side) => `${drawing(hit, one, side)}&sheet=1`;
/** Where the picture of a query image is. */
export const image = (reference, side) => {
  // A matter may hold the image that the server has forgotten.
  const matter = new URLSearchParams(location.search).get("matter");
  return `/api/images/${reference}.png?side=${side}${matter ? `&matter=${encodeURIComponent(matter)}` : ""}`;
};
