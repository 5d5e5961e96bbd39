"""One figure: a view of a mesh in ink."""

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.synthetic.camera import View, project
from edgepatent_runtime.synthetic.draw import Draw
from edgepatent_runtime.synthetic.lines import (
    claimed,
    dashed,
    find_lines,
    thickened,
    without_specks,
)
from edgepatent_runtime.synthetic.mesh import Mesh, face_normals
from edgepatent_runtime.synthetic.pen import Style
from edgepatent_runtime.synthetic.raster import rasterise
from edgepatent_runtime.synthetic.shading import (
    Surface,
    along,
    hatching,
    stipple,
    strokes,
    survey,
)

FIGURE = 448


def draw_figure(
    mesh: Mesh, view: View, style: Style, draw: Draw, size: int = FIGURE
) -> npt.NDArray[np.bool_]:
    """Ink [H, W] bool of a view of a design that is ``size`` pixels long, hidden lines removed.

    All views have one scale, but those that would be tiny are enlarged. ``draw`` places what is
    placed by hand: shading lines and dots.
    """
    scale = size / FIGURE
    seen = project(mesh, view, size)
    buffers = rasterise(mesh, seen)
    normals = face_normals(mesh.vertices, mesh.faces)
    if not mesh.closed:
        # Of a sheet seen from behind, the normal of the side that is seen.
        normals = np.where(buffers.behind[:, None], -normals, normals)
    lines = find_lines(mesh, buffers, normals, style.crease, style.tangents)
    ink = thickened(lines.outline, style.outline * scale)
    ink |= thickened(without_specks(lines.inner, lines.outline), style.inner * scale)
    if mesh.broken.any():
        broken = dashed(lines.broken, style.dash * scale, style.gap * scale)
        ink |= thickened(broken, style.inner * scale)
    if style.shading != "none":
        picture = survey(mesh, seen, buffers, normals, style.light)
        ink |= _shaded(picture, style, draw, scale) & claimed(mesh, buffers)
    return ink


def _shaded(picture: Surface, style: Style, draw: Draw, scale: float) -> npt.NDArray[np.bool_]:
    if style.shading == "stipple":
        return stipple(picture, style.tone, draw, scale)
    ink = strokes(picture, style.tone, draw, scale)
    if style.shading == "lines":
        ink |= along(picture, style.tone, draw)
    if style.shading == "hatching":
        ink = along(picture, style.tone, draw) | hatching(picture, style.tone, draw, scale)
    return ink
