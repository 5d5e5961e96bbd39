"""A design as a camera sees it: lit, coloured, on its shadow, before a background.

Blinn and Phong's light on interpolated normals ("Models of light reflection for computer
synthesized pictures", SIGGRAPH 1977), a shadow thrown on the ground and blurred, and dark corners
by unsharp-masked depth (Luft, Colditz and Deussen, SIGGRAPH 2006). It needs to look like a
photograph at a few hundred pixels, no more.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_synthetic.backdrop import KINDS, Colours, Kind, backdrop, grain, paint
from edgepatent_synthetic.camera import SNAP, Projected, View, project
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.figure import FIGURE
from edgepatent_synthetic.mesh import Floats, Mesh, cross
from edgepatent_synthetic.raster import BACKGROUND, Buffers, rasterise
from edgepatent_synthetic.shading import Shown, smoothed, spread

Photograph = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Light:
    """A lamp far away and what the room throws back.

    ``towards`` float64 [3] points to the lamp; ``lamp`` and ``room`` are how bright they are.
    ``gloss`` (0 … 1) and ``shine`` (the exponent) are the surface's.
    """

    towards: Floats
    lamp: float
    room: float
    gloss: float
    shine: float


@dataclass(frozen=True)
class Product:
    """A design in the frame of a picture, and the N pixels that show it."""

    mesh: Mesh
    seen: Projected
    buffers: Buffers
    shown: Shown

    def spread(self, corner: Floats) -> Field:
        """What holds at the corners [F, 3] of its faces, spread over its pixels: float32 [N]."""
        return spread(self.mesh, self.seen, self.shown, corner).astype(np.float32)


def photographer(draw: Draw) -> View:
    """Where people stand who photograph a product: before it, a little above, not far."""
    around = draw.real(-65, 65) if draw.chance(0.85) else draw.real(-180, 180)
    return View("photograph", around, draw.real(2, 42), draw.real(2.6, 7))


def take(
    mesh: Mesh, view: View, draw: Draw, size: int = FIGURE, kind: Kind | None = None
) -> Photograph:
    """A photograph uint8 [H, W, 3] (RGB) of a design that is about ``size`` pixels long.

    ``kind`` is that of its background, any for None; "none" cuts the product out, without its
    shadow. The same draw takes the same photograph.
    """
    before: Kind = draw.choice(KINDS) if kind is None else kind
    light = _light(view, draw)
    own, thrown = _seen(mesh, light, view, draw, size)
    buffers = rasterise(mesh, own)
    picture = backdrop(before, own.height, own.width, draw)
    if before != "none" and draw.chance(0.85):
        dark = _shadow(mesh, thrown, own, size * draw.real(0.012, 0.05))
        picture *= (1 - draw.real(0.15, 0.65) * dark)[..., None]
    product = Product(mesh, own, buffers, Shown.of(buffers))
    picture[product.shown.y, product.shown.x] = _lit(product, view, light, draw)
    taken = _developed(picture, draw)
    if before == "none":
        there = (buffers.face != BACKGROUND).astype(np.uint8)
        taken[cv2.dilate(there, np.ones((3, 3), np.uint8)) == 0] = 255
    return taken


def _light(view: View, draw: Draw) -> Light:
    """A lamp that stands higher than the camera, to its left or right."""
    azimuth = np.radians(view.azimuth + draw.choice((-1, 1)) * draw.real(10, 80))
    elevation = np.radians(draw.real(35, 80))
    level = np.cos(elevation)
    towards = np.array([np.sin(azimuth) * level, -np.cos(azimuth) * level, np.sin(elevation)])
    room = draw.real(0.25, 0.6)
    gloss = draw.real(0.05, 0.5) if draw.chance(0.6) else 0.0
    return Light(towards, 1.15 - room, room, gloss, draw.real(8, 60))


def _seen(
    mesh: Mesh, light: Light, view: View, draw: Draw, size: int
) -> tuple[Projected, Projected]:
    """The vertices in the frame that the camera takes, and those of the shadow on the ground.

    The shadow may reach out of the frame.
    """
    v = mesh.vertices.astype(np.float64)
    down = (v[:, 2:] - v[:, 2].min()) / light.towards[2]
    ground = (v - down * light.towards).astype(np.float32)
    count = len(v)
    both = project(replace(mesh, vertices=np.concatenate([mesh.vertices, ground])), view, size)
    x, y = both.x[:count], both.y[:count]
    extent = max(float(np.ptp(x)), float(np.ptp(y)), 1e-6)
    factor = size / extent
    width, height = float(np.ptp(x)) * factor, float(np.ptp(y)) * factor
    # Nobody takes a strip: the frame is at most half as long again as it is wide.
    across, down_ = max(width, height / 1.5), max(height, width / 1.5)
    room = size * draw.real(0.04, 0.3)
    left = (across - width) / 2 + room * draw.real(0.5, 1.5)
    top = (down_ - height) / 2 + room * draw.real(0.5, 1.5)
    shown = (round(across + 2 * room), round(down_ + 2 * room))

    def framed(which: slice) -> Projected:
        return Projected(
            np.rint(((both.x[which] - x.min()) * factor + left) * SNAP) / SNAP,
            np.rint(((both.y[which] - y.min()) * factor + top) * SNAP) / SNAP,
            np.rint(both.depth[which] * factor * SNAP) / SNAP,
            *shown,
        )

    return framed(slice(None, count)), framed(slice(count, None))


def _shadow(mesh: Mesh, thrown: Projected, own: Projected, reach: float) -> Field:
    """How dark the ground is, [H, W] from 0 to 1: a rim of ``reach`` pixels is half shadow."""
    step = max(1, int(reach / 3))
    height, width = (-(-length // step) for length in (own.height, own.width))
    dark = np.zeros((height, width), np.uint8)
    corners = np.column_stack([thrown.x, thrown.y])[mesh.faces] / step
    for triangle in np.rint(corners.clip(-9999, 9999) * 16).astype(np.int32):
        cv2.fillConvexPoly(dark, triangle, 1, shift=4)
    soft = cv2.GaussianBlur(dark.astype(np.float32), (0, 0), reach / step)
    return np.asarray(cv2.resize(soft, (own.width, own.height)), np.float32)


def _lit(product: Product, view: View, light: Light, draw: Draw) -> Colours:
    """The product's pixels in its colours under the light, linear RGB float32 [N, 3]."""
    mesh = product.mesh
    v = mesh.vertices.astype(np.float64)
    a, b, c = (v[mesh.faces[:, i]] for i in range(3))
    facet = cross(b - a, c - a)
    if not mesh.closed:
        # Of a sheet seen from behind, the side that is seen.
        facet[product.buffers.behind] *= -1
    normal = smoothed(mesh, facet)
    lamp = product.spread(normal @ light.towards).clip(0, 1)
    # The floor throws back less than the sky gives.
    room = light.room * (0.8 + 0.2 * product.spread(normal[..., 2])) * _corners(product, draw)
    lit = _coloured(product, draw) * np.asarray(room + light.lamp * lamp, np.float32)[:, None]
    if light.gloss:
        az, el = np.radians(view.azimuth), np.radians(view.elevation)
        eye = np.array([np.sin(az) * np.cos(el), -np.cos(az) * np.cos(el), np.sin(el)])
        half: Floats = light.towards + eye
        half /= np.sqrt((half * half).sum())
        shine = product.spread(normal @ half).clip(0, 1) ** np.float32(light.shine)
        lit += (light.gloss * shine * (lamp > 0))[:, None]
    return lit


def _corners(product: Product, draw: Draw) -> Field:
    """How much of the room's light gets to each pixel, [N]: less where it lies behind others."""
    depth, there = np.zeros((2, *product.buffers.face.shape), np.float32)
    y, x = product.shown.y, product.shown.x
    depth[y, x] = product.spread(product.seen.depth[product.mesh.faces])
    there[y, x] = 1
    reach = max(depth.shape) * draw.real(0.006, 0.02)
    around = cv2.GaussianBlur(depth, (0, 0), reach)[y, x]
    around /= cv2.GaussianBlur(there, (0, 0), reach)[y, x]
    behind = ((depth[y, x] - around) / (2 * reach)).clip(0, 1)
    out: Field = 1 - np.float32(draw.real(0.2, 0.7)) * behind
    return out


def _coloured(product: Product, draw: Draw) -> Colours:
    """The colour of the surface, linear RGB float32 [N, 3]: a paint a part, or a pattern."""
    parts = int(product.mesh.part.max()) + 1
    saturation = draw.real(0, 0.85) if draw.chance(0.7) else 0.0
    paints = np.stack([paint(draw, saturation) for _ in range(draw.choice((1, 1, 2, 3)))])
    colour = paints[np.array([draw.whole(0, len(paints) - 1) for _ in range(parts)])]
    colours: Colours = colour[product.mesh.part[product.shown.face]]
    if draw.chance(0.2):
        colours = colours * _pattern(product, draw)[:, None]
    return colours


def _pattern(product: Product, draw: Draw) -> Field:
    """Wood, stripes or speckles on the surface, a factor [N]."""
    strength = draw.real(0.1, 0.6)
    noise = np.random.default_rng(draw.whole(0, 1 << 30))
    (height, width), at = product.buffers.face.shape, (product.shown.y, product.shown.x)
    if draw.chance(0.3):
        return np.asarray(
            1 + strength * grain(height, width, draw.real(2, 8), noise)[at], np.float32
        )
    v = product.mesh.vertices.astype(np.float64)
    v = (v - v.mean(axis=0)) / max(float(np.ptp(v, axis=0).max()), 1e-9)
    axis = np.array([draw.real(-1, 1), draw.real(-1, 1), draw.real(-1, 1)])
    axis /= max(float(np.sqrt((axis * axis).sum())), 1e-3)
    place = product.spread((v * axis).sum(axis=1)[product.mesh.faces])
    place += draw.real(0, 0.08) * grain(height, width, max(height, width) / 12, noise)[at]
    waves = np.sin(np.float32(2 * np.pi * draw.real(4, 22)) * place)
    return np.asarray(1 + 0.5 * strength * waves, np.float32)


def _developed(picture: Colours, draw: Draw) -> Photograph:
    """Linear light as a camera hands it back: exposed, vignetted, blurred, noisy, 8 bits."""
    height, width = picture.shape[:2]
    noise = np.random.default_rng(draw.whole(0, 1 << 30))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    exposed = picture * draw.real(0.8, 1.2)
    if draw.chance(0.3):
        exposed = exposed * (1 - draw.real(0.05, 0.25) * (x * x + y * y) / 2)[..., None]
    # Nearly a display's curve, and ten times as fast.
    values = 255 * np.sqrt(exposed.clip(0, 1))
    values = np.asarray(cv2.GaussianBlur(values, (0, 0), draw.real(0.45, 1.1)), np.float32)
    values += (draw.real(0.5, 6) * noise.standard_normal((height, width), np.float32))[..., None]
    out: Photograph = (values + 0.5).clip(0, 255).astype(np.uint8)
    return out
