"""One figure: a view of a mesh in ink."""

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.synthetic.camera import View, project
from edgepatent_runtime.synthetic.lines import dashed, find_lines, thickened
from edgepatent_runtime.synthetic.mesh import Mesh, face_normals
from edgepatent_runtime.synthetic.pen import Style
from edgepatent_runtime.synthetic.raster import rasterise

FIGURE = 448


def draw_figure(mesh: Mesh, view: View, style: Style, size: int = FIGURE) -> npt.NDArray[np.bool_]:
    """Ink [H, W] bool of a view whose longer side is ``size`` pixels, hidden lines removed."""
    scale = size / FIGURE
    seen = project(mesh, view, size)
    buffers = rasterise(mesh, seen)
    normals = face_normals(mesh.vertices, mesh.faces)
    lines = find_lines(mesh, buffers, normals, style.crease, style.tangents)
    ink = thickened(lines.outline, style.outline * scale)
    ink |= thickened(lines.inner, style.inner * scale)
    if mesh.broken.any():
        broken = dashed(lines.broken, style.dash * scale, style.gap * scale)
        ink |= thickened(broken, style.inner * scale)
    return ink
