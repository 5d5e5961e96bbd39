// Zoom and pan of one stage, or of several that move together.

/** Link stages; `content` of each (img, canvas) moves as one. Returns { zoom, reset }. */
export function link(stages) {
  const at = { scale: 1, x: 0, y: 0 };
  const pointers = new Map();
  const paint = () => {
    const transform = `translate(${at.x}px, ${at.y}px) scale(${at.scale})`;
    for (const stage of stages) for (const part of stage.querySelectorAll("img, canvas")) part.style.transform = transform;
  };
  const zoom = (factor, x, y) => {
    const box = stages[0].getBoundingClientRect();
    x ??= box.width / 2;
    y ??= box.height / 2;
    const scale = Math.min(20, Math.max(1, at.scale * factor));
    const grown = scale / at.scale;
    at.x = x - (x - at.x) * grown;
    at.y = y - (y - at.y) * grown;
    at.scale = scale;
    if (scale === 1) at.x = at.y = 0;
    paint();
  };
  for (const stage of stages) {
    const place = (event) => {
      const box = stage.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 400), ...place(event));
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      stage.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, place(event));
    });
    stage.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) return;
      const before = [...pointers.values()];
      pointers.set(event.pointerId, place(event));
      const after = [...pointers.values()];
      if (after.length === 1) {
        at.x += after[0][0] - before[0][0];
        at.y += after[0][1] - before[0][1];
        paint();
      } else if (after.length === 2) {
        const spread = ([a, b]) => Math.hypot(a[0] - b[0], a[1] - b[1]);
        zoom(spread(after) / Math.max(1, spread(before)), (after[0][0] + after[1][0]) / 2, (after[0][1] + after[1][1]) / 2);
      }
    });
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
    stage.addEventListener("dblclick", (event) => (at.scale > 1 ? zoom(1 / at.scale) : zoom(3, ...place(event))));
  }
  return { zoom, reset: () => zoom(1 / at.scale), scale: () => at.scale };
}

/** The keys of a stage: plus, minus, zero. */
export function keys(event, view) {
  if (event.key === "+" || event.key === "=") view.zoom(1.4);
  else if (event.key === "-") view.zoom(1 / 1.4);
  else return false;
  event.preventDefault();
  return true;
}
