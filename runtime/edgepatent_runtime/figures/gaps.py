"""How the pieces of a page hang together: single linkage by the paper between them.

The shortest ways between pieces make a minimum spanning tree (Gower & Ross 1969); cutting its
edges parts a page into groups. Neighbours and the gaps between them come from one distance
transform with labels, whatever the number of pieces: stipple and broken lines have thousands.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.int64]

# Longest side, in cells, of the page on which gaps are measured.
CELLS = 450
# More pieces than this are first joined over a cell of paper.
_MANY = 1200

# A speck is no larger than this share of the page's longer side, and this far from all else.
_SPECK, _ALONE = 0.006, 0.015


class Tree(NamedTuple):
    """Pieces and the minimum spanning tree between them.

    ``boxes`` int64 [N, 4] hold left, top, right and bottom of each piece, to the nearest cell,
    ``areas`` int64 [N] its ink, both in pixels of the mask; ``edges`` int64 [N - 1, 2] the pieces
    at both ends, ``gaps`` float32 [N - 1] the paper between them, narrowest first.
    """

    boxes: Boxes
    areas: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]
    gaps: npt.NDArray[np.float32]


def tree_of(mask: Mask) -> Tree:
    """The pieces of ink in a mask, uint8 [h, w] of 0 and 1, and how far they are apart."""
    cell = max(1, -(-max(mask.shape) // CELLS))
    coarse = _reduced(mask, cell)
    count, pieces, boxes, _ = cv2.connectedComponentsWithStats(coarse, connectivity=8)
    if count - 1 > _MANY:
        coarse = np.asarray(cv2.dilate(coarse, np.ones((3, 3), np.uint8)), np.uint8)
        count, pieces, boxes, _ = cv2.connectedComponentsWithStats(coarse, connectivity=8)
    areas = boxes[1:, cv2.CC_STAT_AREA].astype(np.int64) * cell**2
    boxes = boxes[1:, :4].astype(np.int64) * cell
    boxes[:, 2:] += boxes[:, :2]
    if count <= 2:
        none = np.zeros((0, 2), np.int64)
        return Tree(boxes, areas, none, np.zeros(0, np.float32))
    distance, near = cv2.distanceTransformWithLabels(
        1 - coarse, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )
    # The transform numbers the pieces in its own way.
    inked = coarse > 0
    names = np.zeros(int(near.max()) + 1, np.int32)
    names[near[inked]] = pieces[inked] - 1
    edges, gaps = _neighbours(names[near], np.asarray(distance, np.float32))
    return Tree(boxes, areas, *_spanning(count - 1, edges, gaps * cell))


def specks(tree: Tree, side: int) -> npt.NDArray[np.bool_]:
    """Which pieces, bool [N], are specks: tiny, with much paper around.

    ``side`` is the page's longer side in pixels of the mask.
    """
    nearest = np.full(len(tree.boxes), np.inf)
    for end in (0, 1):
        np.minimum.at(nearest, tree.edges[:, end], tree.gaps)
    small = (tree.boxes[:, 2:] - tree.boxes[:, :2]).max(axis=1) <= _SPECK * side
    lonely: npt.NDArray[np.bool_] = small & (nearest >= _ALONE * side)
    return lonely


def _reduced(mask: Mask, cell: int) -> Mask:
    """Cells of ``cell`` × ``cell`` pixels, 1 where any holds ink."""
    if cell == 1:
        return mask
    height, width = (-(-side // cell) * cell for side in mask.shape)
    whole = np.zeros((height, width), np.uint8)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    rows = np.maximum.reduce([whole[start::cell] for start in range(cell)])
    out: Mask = np.maximum.reduce([rows[:, start::cell] for start in range(cell)])
    return out


def _neighbours(
    owners: npt.NDArray[np.int32], distance: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Pairs of pieces whose regions meet, each once, and the least gap between them in cells."""
    ends, gaps = [], []
    for one, two in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        meet = owners[one] != owners[two]
        ends.append(np.stack((owners[one][meet], owners[two][meet]), axis=1))
        gaps.append((distance[one] + distance[two])[meet])
    pairs = np.sort(np.concatenate(ends), axis=1).astype(np.int64)
    gap = np.concatenate(gaps)
    order = np.argsort(gap, kind="stable")
    pairs, gap = pairs[order], gap[order]
    _, first = np.unique(pairs[:, 0] * (1 << 32) + pairs[:, 1], return_index=True)
    first.sort()
    return pairs[first], gap[first]


def _spanning(
    count: int, edges: npt.NDArray[np.int64], gaps: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The edges, sorted by gap, that join what was not joined yet (Kruskal 1956)."""
    parent = list(range(count))
    chosen = []
    for index, (one, two) in enumerate(edges.tolist()):
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        while parent[two] != two:
            parent[two] = parent[parent[two]]
            two = parent[two]
        if one != two:
            parent[one] = two
            chosen.append(index)
    return edges[chosen], gaps[chosen]
