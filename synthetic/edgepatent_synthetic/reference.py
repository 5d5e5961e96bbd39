"""Names of synthetic drawings, from which alone they can be drawn again: "synthetic:seed=7,…"."""

from dataclasses import dataclass
from typing import Self

from edgepatent_runtime.errors import SourceError
from edgepatent_synthetic.figure import FIGURE

# Beyond these a page would not fit into memory, or a seed into its random generator.
_LIMITS = {"size": (1, 4096), "figures": (1, 3), "captions": (0, 1)}
_DEFAULTS = {
    "seed": 0, "design": 0, "view": 0, "size": FIGURE, "figures": 1, "captions": 1, "photograph": 0
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """Sheet ``view`` of design ``design`` of ``seed``, all from 0; or a photograph of the design.

    ``folder`` is that of a mesh collection, None for procedural designs; ``size`` is the longer
    side of the figure in pixels; ``figures`` (1 to 3) how many figures a sheet holds at most;
    ``captions`` 0 leaves the "FIG. n" and the header out. ``photograph`` counts from 1; 0 is none.
    """

    seed: int
    design: int
    view: int
    size: int = FIGURE
    figures: int = 1
    folder: str | None = None
    captions: int = 1
    photograph: int = 0

    def __str__(self) -> str:
        start = "synthetic:" if self.folder is None else f"meshes:{self.folder},"
        text = f"{start}seed={self.seed},design={self.design},"
        text += f"photograph={self.photograph}" if self.photograph else f"view={self.view}"
        if self.figures > 1:
            text += f",figures={self.figures}"
        if not self.captions:
            text += ",captions=0"
        return text if self.size == FIGURE else f"{text},size={self.size}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reverse of str(). Raises `SourceError` where the text names no drawing."""
        folder, settings = split(text)
        return cls(**numbers(text, settings, _DEFAULTS), folder=folder)


def split(text: str) -> tuple[str | None, dict[str, str]]:
    """The folder (None for "synthetic:") and the settings of a reference or a source spec.

    Raises `SourceError` where the text is neither.
    """
    scheme, _, rest = text.partition(":")
    if scheme not in ("synthetic", "meshes"):
        raise SourceError(f"{text}: not a synthetic source; write synthetic:designs=N,seed=N")
    parts = rest.split(",")
    settings: dict[str, str] = {}
    # From the end: the name of a folder may hold commas.
    while parts and "=" in parts[-1]:
        key, value = parts.pop().split("=", 1)
        settings.setdefault(key.strip(), value.strip())
    folder = ",".join(parts)
    if scheme == "synthetic" and folder:
        raise SourceError(
            f"{text}: cannot read {folder!r}; write synthetic:designs=N,seed=N,views=N"
        )
    if scheme == "meshes" and not folder:
        raise SourceError(f"{text}: names no folder; write meshes:DIR,designs=N,seed=N")
    return (folder or None), settings


def numbers(text: str, settings: dict[str, str], known: dict[str, int]) -> dict[str, int]:
    """The settings as numbers not below 0, with the defaults of ``known`` for those not given.

    Raises `SourceError` for an unknown setting or one that is no such number.
    """
    for key, value in settings.items():
        if key not in known:
            raise SourceError(f"{text}: no setting {key!r}; there are {', '.join(known)}")
        if not (value.isascii() and value.isdigit()) or len(value) > 15:
            raise SourceError(f"{text}: {key} must be a whole number, not {value!r}")
        least, most = _LIMITS.get(key, (0, int(value)))
        if not least <= int(value) <= most:
            raise SourceError(f"{text}: {key} must lie between {least} and {most}")
    return known | {key: int(value) for key, value in settings.items()}
