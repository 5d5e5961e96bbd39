"""A photographed sheet on a table: its four corners found, and laid flat.

Imported for photographs only: OpenCV would cost every search 50 ms.
"""

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Page = npt.NDArray[np.uint8]
Corners = npt.NDArray[np.float64]

# A sheet covers so much of a picture that it is the subject of …
_LEAST_AREA = 0.06
# … and its outline so much of its four corners' polygon: a round or torn thing covers less.
_FILLED = 0.93
# So much of each side, at its ends, is left out where a line is fitted to it: corners are bent.
_BENT = 0.12
# The least share that a side has of all four: a strip is twenty times as long as it is wide.
_SHORTEST = 0.02
# A sheet is mostly paper.
_BRIGHT = 0.6
# The rim of a sheet, where the table shines through and shadows lie, as a share of its sides.
_RIM = 0.006
# Sides that differ by less are parallel as far as pixels tell: then there is no perspective.
_PARALLEL = 0.02


def corners(pixels: Page) -> Corners | None:
    """The corners [4, 2] (x, y) of the sheet in a grey picture [H, W], from the top left clockwise.

    In pixels of the picture, where 0.5 is the middle of the first. None where no bright part of it
    is a quadrilateral and inside the picture.
    """
    smooth = cv2.GaussianBlur(pixels, (5, 5), 0)
    _, bright = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines or bright.all():
        return None
    outline = max(outlines, key=cv2.contourArea)
    hull = cv2.convexHull(outline)
    if cv2.contourArea(hull) < _LEAST_AREA * pixels.size:
        return None
    rough = _four(hull[:, 0].astype(np.float64))
    if rough is None:
        return None
    areas = sorted(
        cv2.contourArea(one) for one in (outline, hull, rough.astype(np.float32)[:, None])
    )
    if areas[0] < _FILLED * areas[-1]:
        return None
    exact = _refined(outline[:, 0].astype(np.float64), rough)
    mask = np.zeros(pixels.shape, np.uint8)
    cv2.fillConvexPoly(mask, np.rint(exact).astype(np.int32), 1)
    if np.mean(bright[mask > 0] > 0) < _BRIGHT:
        return None
    return _clockwise(exact + 0.5)


def _four(hull: Corners) -> Corners | None:
    """The four corners [4, 2] of a hull [N, 2] that cover most of it.

    Of all others, the one whose loss costs least is left out, until four are left (Visvalingam and
    Whyatt, "Line generalisation by repeated elimination of points", 1993).
    """
    points = hull
    if len(points) < 4:
        return None
    while len(points) > 4:
        ahead, behind = np.roll(points, -1, axis=0) - points, np.roll(points, 1, axis=0) - points
        lost = np.abs(ahead[:, 0] * behind[:, 1] - ahead[:, 1] * behind[:, 0])
        points = np.delete(points, int(np.argmin(lost)), axis=0)
    sides = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
    # A blunt corner of a triangle is no side.
    return points if sides.min() > _SHORTEST * sides.sum() else None


def _refined(outline: Corners, rough: Corners) -> Corners:
    """Where lines meet that are fitted to the four sides of an outline [N, 2]."""
    lines = []
    for start, end in zip(rough, np.roll(rough, -1, axis=0), strict=True):
        side = end - start
        length = float(np.hypot(*side)) or 1.0
        along = (outline - start) @ side / length**2
        across = np.abs((outline - start) @ np.array([-side[1], side[0]]) / length)
        near = (along > _BENT) & (along < 1 - _BENT) & (across < 0.03 * length + 2)
        if near.sum() < 8:
            return rough
        dx, dy, x, y = cv2.fitLine(
            outline[near].astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01
        ).ravel()
        # a · x + b · y = c
        lines.append((-dy, dx, -dy * x + dx * y))
    met = []
    for one, other in zip(np.roll(lines, 1, axis=0), lines, strict=True):
        system = np.array([one[:2], other[:2]], np.float64)
        if abs(np.linalg.det(system)) < 1e-3:
            return rough
        met.append(np.linalg.solve(system, np.array([one[2], other[2]], np.float64)))
    exact = np.array(met)
    moved = np.hypot(*(exact - rough).T).max()
    return exact if moved < 0.1 * np.hypot(*np.ptp(rough, axis=0)) else rough


def _clockwise(points: Corners) -> Corners:
    """Corners in the order that a picture is read in: the first is nearest to its top left."""
    centre = points.mean(axis=0)
    order = np.argsort(np.arctan2(*(points - centre).T[::-1]))
    points = points[order]
    first = int(np.argmin(points.sum(axis=1)))
    return np.roll(points, -first, axis=0)


def flattened(gray: Image.Image, found: Corners) -> Image.Image:
    """The sheet whose corners [4, 2] are ``found`` in a picture "L", as if seen from above."""
    centre = found.mean(axis=0)
    inner = centre + (found - centre) * (1 - 2 * _RIM)
    sides = np.hypot(*(np.roll(inner, -1, axis=0) - inner).T)
    width, height = max(sides[0], sides[2]), max(sides[1], sides[3])
    shape = _aspect(inner, (gray.width / 2, gray.height / 2))
    if shape is None:
        shape = (sides[0] + sides[2]) / (sides[1] + sides[3])
    # As many pixels as the nearer parts had, in the shape that the sheet has.
    scale = float(np.sqrt(width * height))
    across, down = (max(16, round(scale * f)) for f in (shape**0.5, shape**-0.5))
    target = np.array([[0, 0], [across, 0], [across, down], [0, down]], np.float32)
    move = cv2.getPerspectiveTransform((inner - 0.5).astype(np.float32), target - 0.5)
    flat = cv2.warpPerspective(
        np.asarray(gray), move, (across, down), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return Image.fromarray(np.asarray(flat, np.uint8))


def _aspect(found: Corners, centre: tuple[float, float]) -> float | None:
    """Width over height of a rectangle from its picture, by the perspective of its sides.

    Zhang and He, "Whiteboard scanning and image enhancement", 2007, section 3.3; the lens looks at
    the middle of the picture. None without perspective: then the sides say it.
    """
    sides = np.hypot(*(np.roll(found, -1, axis=0) - found).T)
    if all(abs(sides[k] / sides[k + 2] - 1) < _PARALLEL for k in (0, 1)):
        return None
    one, two, four, three = (np.array([*(point - centre), 1.0]) for point in found)
    k2 = (np.cross(one, four) @ three) / (np.cross(two, four) @ three)
    k3 = (np.cross(one, four) @ two) / (np.cross(three, four) @ two)
    across, down = k2 * two - one, k3 * three - one
    # The focal length that makes them orthogonal; without perspective in one of them there is none.
    depth = across[2] * down[2]
    if abs(depth) < 1e-6:
        return None
    focal2 = -(across[0] * down[0] + across[1] * down[1]) / depth
    if not focal2 > 0:
        return None
    lengths = [float(v[0] ** 2 + v[1] ** 2 + v[2] ** 2 * focal2) for v in (across, down)]
    shape = float(np.sqrt(lengths[0] / lengths[1]))
    plain = float((sides[0] + sides[2]) / (sides[1] + sides[3]))
    # Further from what the sides say than a tilted sheet can be: the corners are not that exact.
    return shape if 0.6 < shape / plain < 1.67 else None
