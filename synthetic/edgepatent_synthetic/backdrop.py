"""What lies behind and under a product that is photographed: paper, a studio, a room."""

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_synthetic.draw import Draw

Colours = npt.NDArray[np.float32]
Noise = np.random.Generator
Kind = Literal["none", "white", "plain", "gradient", "cluttered"]

# Shops show things on white or cut out, most of all.
KINDS: tuple[Kind, ...] = (
    "none", "none", "none", "white", "plain", "gradient", "gradient", "cluttered"
)  # fmt: skip


def backdrop(kind: Kind, height: int, width: int, draw: Draw) -> Colours:
    """A background, float32 [H, W, 3] in linear RGB from 0 to 1, before any shadow falls on it."""
    noise = np.random.default_rng(draw.whole(0, 1 << 30))
    if kind == "none":
        return np.ones((height, width, 3), np.float32)
    if kind == "white":
        return np.full((height, width, 3), draw.real(0.9, 1.0), np.float32)
    if kind == "cluttered":
        return _room(height, width, draw, noise)
    colour = paint(draw, draw.real(0.0, 0.4))
    plain = np.broadcast_to(colour, (height, width, 3)).astype(np.float32)
    if kind == "plain":
        return plain
    # A lamp of a studio: bright here, dim there.
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    if draw.chance(0.5):
        fall = draw.real(-0.4, 0.4) * x + draw.real(-0.4, 0.4) * y
    else:
        far = (x - draw.real(-0.5, 0.5)) ** 2 + (y - draw.real(-0.7, 0.3)) ** 2
        fall = 0.25 - draw.real(0.2, 0.45) * far
    lit: Colours = (plain * np.clip(1 + fall, 0.15, 1.5)[..., None]).clip(0, 1)
    return lit


def paint(draw: Draw, saturation: float) -> Colours:
    """A colour, float32 [3] in linear RGB: seldom black, of any hue."""
    hue, value = draw.real(0, 6), draw.real(0.12, 0.95)
    sector = np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    colour: Colours = (value * (1 - saturation + saturation * sector.clip(0, 1))).astype(np.float32)
    return colour


def grain(height: int, width: int, coarse: float, noise: Noise) -> npt.NDArray[np.float32]:
    """Random values float32 [H, W] around 0 that vary over ``coarse`` pixels and half of that."""
    out = np.zeros((height, width), np.float32)
    for share, size in ((0.65, coarse), (0.35, coarse / 2)):
        rows, columns = int(height / size) + 3, int(width / size) + 3
        field = noise.random((rows, columns), np.float32) - 0.5
        out += share * cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
    return out


def _room(height: int, width: int, draw: Draw, noise: Noise) -> Colours:
    """A wall, a floor or table, and things that stand about, out of focus or not."""
    room = np.empty((height, width, 3), np.float32)
    horizon = round(height * draw.real(0.15, 0.75))
    room[:horizon] = paint(draw, draw.real(0, 0.6))
    room[horizon:] = paint(draw, draw.real(0, 0.6))
    _boards(room, horizon, draw)
    side = max(height, width)
    for _ in range(draw.whole(5, 16)):
        _thing(room, side, draw)
    rough = grain(height, width, side / draw.real(4, 30), noise)
    room *= (1 + draw.real(0.1, 0.7) * rough)[..., None]
    blur = side * draw.choice((0.001, 0.003, 0.008, 0.015))
    out: Colours = np.asarray(cv2.GaussianBlur(room, (0, 0), blur), np.float32).clip(0, 1)
    return out


def _boards(room: Colours, horizon: int, draw: Draw) -> None:
    """Lines of boards or tiles that run towards the horizon, and across."""
    height, width = room.shape[:2]
    if not draw.chance(0.6):
        return
    colour = (room[-1, 0] * draw.real(0.4, 1.3)).tolist()
    vanishing = round(width * draw.real(0.2, 0.8))
    thick = max(1, round(height * draw.real(0.002, 0.01)))
    boards = draw.whole(4, 12)
    for i in range(boards + 1):
        foot = round((i / boards * 3 - 1) * width)
        cv2.line(room, (vanishing, horizon), (foot, height), colour, thick, cv2.LINE_AA)
    if draw.chance(0.4):
        for i in range(1, 7):
            y = round(horizon + (height - horizon) * 0.6**i)
            cv2.line(room, (0, y), (width, y), colour, thick, cv2.LINE_AA)


def _thing(room: Colours, side: int, draw: Draw) -> None:
    """A box, a disc, a frame, or a bar, anywhere."""
    height, width = room.shape[:2]
    at = (round(draw.real(-0.05, 1.05) * width), round(draw.real(-0.05, 1.05) * height))
    size = (draw.real(0.02, 0.22) * side, draw.real(0.02, 0.22) * side)
    colour = paint(draw, draw.real(0, 0.8)).tolist()
    filled = -1 if draw.chance(0.75) else max(1, round(0.01 * side))
    turn = draw.real(0, 180) if draw.chance(0.4) else 0.0
    if draw.chance(0.4):
        axes = (round(size[0]), round(size[1]))
        cv2.ellipse(room, at, axes, turn, 0, 360, colour, filled, cv2.LINE_AA)
        return
    box = cv2.boxPoints((at, (2 * size[0], 2 * size[1]), turn))
    corners = np.rint(np.asarray(box)).astype(np.int32)
    if filled < 0:
        cv2.fillConvexPoly(room, corners, colour, cv2.LINE_AA)
    else:
        cv2.polylines(room, [corners], True, colour, filled, cv2.LINE_AA)
