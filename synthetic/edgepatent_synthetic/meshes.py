"""A folder of real meshes as families: every object is varied into designs of its kind.

The folder holds one ``.npz`` an object (``vertices`` [V, 3], Z up; ``faces`` [F, 3]) and
``metadata.csv`` with ``file_name``, ``object``, ``locarno`` and, where known, ``scan`` (1 for a
3D scan, which is left out: its noise would be drawn as creases).
"""

import csv
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import locarno
from edgepatent_runtime.arrays import DAMAGE
from edgepatent_runtime.errors import SourceError
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.families.family import Family
from edgepatent_synthetic.mesh import Mesh, face_normals
from edgepatent_synthetic.solids import SHARP


@lru_cache(maxsize=4)
def families(folder: str) -> tuple[Family, ...]:
    """Every object of the folder as a family. Raises `SourceError` where there is none."""
    path = Path(folder) / "metadata.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row.get("scan", "0") != "1"]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    found = []
    for row in rows:
        name = row.get("file_name") or ""
        if name.endswith(".npz"):
            title = (row.get("object") or Path(name).stem).strip().capitalize()
            code = locarno.parse(row.get("locarno") or "")
            found.append(Family(title, code, partial(_varied, str(Path(folder) / name))))
    if not found:
        raise SourceError(f"{path} lists no meshes: it needs a column file_name with .npz files")
    return tuple(found)


@lru_cache(maxsize=8)
def load(path: str) -> Mesh:
    """A mesh, its connected pieces as parts, its smooth pieces as surfaces; longest side 1.

    Raises `SourceError` where the file holds no mesh.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            vertices = arrays["vertices"].astype(np.float32)
            faces = arrays["faces"].astype(np.int32)
    except DAMAGE as error:
        raise SourceError(f"{path} holds no mesh: {error}") from error
    fits = vertices.ndim == faces.ndim == 2 and vertices.shape[1] == faces.shape[1] == 3
    if not fits or not len(faces) or faces.min() < 0 or faces.max() >= len(vertices):
        raise SourceError(f"{path} holds no mesh: vertices [V,3] and faces [F,3] are needed")
    if not np.isfinite(vertices).all():
        raise SourceError(f"{path} holds a mesh with corners at no place (NaN or infinite)")
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    vertices = (vertices - (low + high) / 2) / max(float((high - low).max()), 1e-9)
    # Exporters store a corner once a face: pieces are only connected once these are one.
    unique, inverse = np.unique(np.rint(vertices * 4096), axis=0, return_inverse=True)
    vertices = (unique / 4096).astype(np.float32)
    faces = inverse.reshape(-1)[faces].astype(np.int32)
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (a != c)]
    if not len(faces):
        raise SourceError(f"{path} holds a mesh without area")
    pairs = _neighbours(faces)
    normals = face_normals(vertices, faces)
    smooth = (normals[pairs[:, 0]] * normals[pairs[:, 1]]).sum(axis=1) > np.cos(np.radians(SHARP))
    return Mesh(
        vertices,
        faces,
        _pieces(len(faces), pairs),
        _pieces(len(faces), pairs[smooth]),
        np.zeros(len(faces), bool),
        closed=False,
    )


def _neighbours(faces: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Pairs [P, 2] of faces that share an edge."""
    edge = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    edge.sort(axis=1)
    key = edge[:, 0] << 32 | edge[:, 1]
    face = np.tile(np.arange(len(faces)), 3)
    order = np.argsort(key, kind="stable")
    same = key[order][1:] == key[order][:-1]
    return np.column_stack([face[order][:-1][same], face[order][1:][same]])


def _pieces(count: int, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Number the connected pieces of ``count`` nodes, by spreading the lowest label."""
    label = np.arange(count)
    while True:
        lowest = np.minimum(label[pairs[:, 0]], label[pairs[:, 1]])
        new = label.copy()
        np.minimum.at(new, pairs[:, 0], lowest)
        np.minimum.at(new, pairs[:, 1], lowest)
        # Follow labels to the label's own label: a chain halves with every round.
        new = np.minimum(new, new[new])
        if (new == label).all():
            return np.unique(label, return_inverse=True)[1].astype(np.int32)
        label = new


def _varied(path: str, d: Draw) -> Mesh:
    """One design made of an object: stretched, bent, tapered, with parts resized or left out."""
    mesh = load(path)
    v = mesh.vertices.astype(np.float64)
    faces, part, surface = mesh.faces, mesh.part, mesh.surface
    size = np.bincount(part)
    small = np.flatnonzero(size < size.max())
    v, kept = v.copy(), np.ones(len(faces), bool)
    if len(small) and d.chance(0.45):
        kept &= part != small[d.whole(0, len(small) - 1)]
    if len(small) and d.chance(0.45):
        own = np.unique(faces[part == small[d.whole(0, len(small) - 1)]])
        middle = v[own].mean(axis=0)
        grown = np.array([d.real(0.65, 1.5), d.real(0.65, 1.5), d.real(0.65, 1.5)])
        v[own] = middle + (v[own] - middle) * grown
    v *= np.array([d.real(0.65, 1.5), d.real(0.65, 1.5), d.real(0.65, 1.5)])
    low, high = v.min(axis=0), v.max(axis=0)
    height = max(float(high[2] - low[2]), 1e-6)
    t = (v[:, 2] - low[2]) / height
    if d.chance(0.45):
        v[:, :2] *= (1 + d.real(-0.4, 0.4) * (t - 0.5))[:, None]
    if d.chance(0.3):
        v[:, 0] += d.real(-0.3, 0.3) * height * (t - 0.5) ** 2
    if d.chance(0.25):
        along = (v[:, 0] - low[0]) / max(float(high[0] - low[0]), 1e-6) - 0.5
        v[:, 2] += d.real(-0.35, 0.35) * height * along**2
    return Mesh(
        v.astype(np.float32), faces[kept], part[kept], surface[kept], mesh.broken[kept], False
    )
