"""From pieces of ink and captions to figures.

As many figures as captions: of all ways to cut the spanning tree into that many parts of some
size, the one whose parts lie nearest to captions of their own, across the widest paper.
"""

from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures.gaps import Boxes, Tree

Labels = npt.NDArray[np.int64]

# A figure is at least this long, as a share of the page's longer side.
_LEAST = 0.05
# So many ways to cut are tried at most.
_WAYS = 100
# Paper that is cut through counts so much against distance to a caption.
_PAPER = 0.5
# A caption stands off the middle of its figure at so much of the price.
_OFF = 0.3
# … and within the box of its figure at this one.
_WITHIN = 0.03


def grouped(tree: Tree, captions: Boxes, side: int) -> tuple[Labels, list[int]]:
    """The figure of each piece, int64 [N], and for each caption the figure that it belongs to.

    ``captions`` int64 [K, 4] are left, top, right, bottom; ``side`` is the page's longer side, all
    in pixels of the mask. Figures are numbered from 0.
    """
    wanted = max(1, len(captions))
    # Where there are many they are small.
    least = _LEAST * side / max(1.0, wanted**0.5 / 2)
    places = _candidates(tree, least)
    cuts = min(wanted - 1, len(places))
    places = places[::-1]
    while comb(len(places), cuts) > _WAYS and len(places) > cuts:
        places = places[:-1]
    best: tuple[float, Labels, list[int]] | None = None
    fixed = _joined(len(tree.boxes), np.delete(tree.edges, places, axis=0))
    boxes = _bounds(tree.boxes, fixed)
    ends = fixed[tree.edges]
    for chosen in combinations(places, cuts):
        kept = [place for place in places if place not in chosen]
        parts = _joined(len(boxes), ends[kept])
        around = _bounds(boxes, parts)
        if cuts and (_long(around) < least).any():
            continue
        price, owners = _assigned(captions, around, side)
        price -= _PAPER * float(tree.gaps[list(chosen)].sum()) / side
        if best is None or price < best[0]:
            best = price, parts[fixed], owners
    if best is None:
        _, owners = _assigned(captions, _bounds(boxes, np.zeros(len(boxes), np.int64)), side)
        return np.zeros(len(tree.boxes), np.int64), owners
    return best[1], best[2]


def _candidates(tree: Tree, least: float) -> list[int]:
    """The edges, narrowest first, that join two parts which could both be figures."""
    parent = list(range(len(tree.boxes)))
    boxes = tree.boxes.tolist()
    found = []

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def long(box: list[int]) -> int:
        return max(box[2] - box[0], box[3] - box[1])

    for index, (one, two) in enumerate(tree.edges.tolist()):
        one, two = root(one), root(two)
        a, b = boxes[one], boxes[two]
        if min(long(a), long(b)) >= least:
            found.append(index)
        parent[one] = two
        boxes[two] = [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]
    return found


def _joined(count: int, edges: npt.NDArray[np.int64]) -> Labels:
    """Number the parts that edges connect ``count`` nodes to, from 0."""
    parent = list(range(count))
    for one, two in edges.tolist():
        while parent[one] != one:
            one = parent[one]
        while parent[two] != two:
            parent[two] = parent[parent[two]]
            two = parent[two]
        parent[one] = two
    roots = []
    for node in range(count):
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        roots.append(node)
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def _bounds(boxes: Boxes, labels: Labels) -> Boxes:
    """The box around the boxes of each label."""
    out = np.empty((int(labels.max()) + 1, 4), np.int64)
    out[:, :2], out[:, 2:] = 1 << 40, -1
    np.minimum.at(out[:, 0], labels, boxes[:, 0])
    np.minimum.at(out[:, 1], labels, boxes[:, 1])
    np.maximum.at(out[:, 2], labels, boxes[:, 2])
    np.maximum.at(out[:, 3], labels, boxes[:, 3])
    return out


def _long(boxes: Boxes) -> npt.NDArray[np.int64]:
    long: npt.NDArray[np.int64] = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    return long


def _assigned(captions: Boxes, figures: Boxes, side: int) -> tuple[float, list[int]]:
    """A figure for each caption, no two the same while there are enough; and the price of it."""
    if not len(captions):
        return 0.0, []
    low = captions[:, None, :2] - figures[None, :, 2:]
    high = figures[None, :, :2] - captions[:, None, 2:]
    apart = np.maximum(np.maximum(low, high), 0)
    middle = (captions[:, None, :2] + captions[:, None, 2:]) / 2
    off = np.abs(middle - (figures[None, :, :2] + figures[None, :, 2:]) / 2)
    # Across the axis on which they are apart; a caption within the box is not below or beside it.
    beside = apart[..., 0] > apart[..., 1]
    within = ~apart.any(axis=2)
    across = np.where(within, off.max(axis=2), np.where(beside, off[..., 1], off[..., 0]))
    price = (np.hypot(apart[..., 0], apart[..., 1]) + _OFF * across) / side + _WITHIN * within
    total, owners = 0.0, [-1] * len(captions)
    free = set(range(len(figures)))
    for flat in np.argsort(price, axis=None, kind="stable").tolist():
        caption, figure = divmod(flat, len(figures))
        if owners[caption] < 0 and (figure in free or not free):
            owners[caption] = figure
            free.discard(figure)
            total += float(price[caption, figure])
    return total, owners
