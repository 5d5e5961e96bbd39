"""One figure: a view of a mesh in ink."""

import numpy as np
import numpy.typing as npt

from edgepatent_synthetic.camera import View, project
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.lines import (
    Mask,
    claimed,
    dashed,
    find_lines,
    thickened,
    without_specks,
)
from edgepatent_synthetic.mesh import Mesh, face_normals
from edgepatent_synthetic.pen import Style
from edgepatent_synthetic.raster import rasterise
from edgepatent_synthetic.shading import (
    Surface,
    along,
    hatching,
    stipple,
    strokes,
    survey,
)

Page = npt.NDArray[np.uint8]

FIGURE = 448


def draw_figure(mesh: Mesh, view: View, style: Style, draw: Draw, size: int = FIGURE) -> Page:
    """A view [H, W] uint8 of a design that is ``size`` pixels long, hidden lines removed.

    All views have one scale, but those that would be tiny are enlarged. ``draw`` places what is
    placed by hand: shading lines and dots. A line thinner than a pixel is grey by as much.
    """
    scale = size / FIGURE
    seen = project(mesh, view, size)
    buffers = rasterise(mesh, seen)
    normals = face_normals(mesh.vertices, mesh.faces)
    if not mesh.closed:
        # Of a sheet seen from behind, the normal of the side that is seen.
        normals = np.where(buffers.behind[:, None], -normals, normals)
    lines = find_lines(mesh, buffers, normals, style.crease, style.tangents)
    page = np.full(buffers.face.shape, 255, np.uint8)
    if style.shading != "none":
        picture = survey(mesh, seen, buffers, normals, style.light)
        ink = _shaded(picture, style, draw, scale) & claimed(mesh, buffers)
        _ink(page, ink, style.inner * scale * (1.6 if style.shading == "stipple" else 0.85))
    _ink(page, without_specks(lines.inner, lines.outline), style.inner * scale)
    if mesh.broken.any():
        broken = dashed(lines.broken, style.dash * scale, style.gap * scale)
        _ink(page, broken, style.inner * scale)
    _ink(page, lines.outline, style.outline * scale)
    return page


def _ink(page: Page, lines: Mask, width: float) -> None:
    """Draw one-pixel lines into the page, ``width`` pixels wide."""
    page[thickened(lines, width)] = round(255 * (1 - min(width, 1.0)))


def _shaded(picture: Surface, style: Style, draw: Draw, scale: float) -> Mask:
    if style.shading == "stipple":
        return stipple(picture, style.tone, draw, scale)
    ink = strokes(picture, style.tone, draw, scale)
    if style.shading == "lines":
        ink |= along(picture, style.tone, draw)
    if style.shading == "hatching":
        ink = along(picture, style.tone, draw) | hatching(picture, style.tone, draw, scale)
    return ink
