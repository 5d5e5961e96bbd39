"""Names of synthetic drawings, from which alone they can be drawn again: "synthetic:seed=7,…"."""

from dataclasses import dataclass

from edgepatent_runtime.errors import SourceError

SCHEMES = ("synthetic:", "meshes:")


@dataclass(frozen=True)
class Reference:
    """View ``view`` of design ``design`` of ``seed``, all from 0.

    ``folder`` is that of a mesh collection, None for procedural designs; ``size`` is the longer
    side of the figure in pixels.
    """

    seed: int
    design: int
    view: int
    size: int
    folder: str | None = None

    def __str__(self) -> str:
        start = "synthetic:" if self.folder is None else f"meshes:{self.folder},"
        return f"{start}seed={self.seed},design={self.design},view={self.view},size={self.size}"


def split(text: str) -> tuple[str | None, dict[str, str]]:
    """The folder (None for "synthetic:") and the settings of a reference or a source spec.

    Raises `SourceError` where the text is neither.
    """
    scheme = next((s for s in SCHEMES if text.startswith(s)), None)
    if scheme is None:
        raise SourceError(f"{text}: not a synthetic source; write synthetic:designs=N,seed=N")
    parts = text.removeprefix(scheme).split(",")
    settings: dict[str, str] = {}
    # From the end: the name of a folder may hold commas.
    while parts and "=" in parts[-1]:
        key, value = parts.pop().split("=", 1)
        settings.setdefault(key.strip(), value.strip())
    folder = ",".join(parts)
    if scheme == "synthetic:" and folder:
        raise SourceError(
            f"{text}: cannot read {folder!r}; write synthetic:designs=N,seed=N,views=N"
        )
    if scheme == "meshes:" and not folder:
        raise SourceError(f"{text}: names no folder; write meshes:DIR,designs=N,seed=N")
    return (folder or None), settings


def numbers(text: str, settings: dict[str, str], known: dict[str, int]) -> dict[str, int]:
    """The settings as numbers not below 0, with the defaults of ``known`` for those not given.

    Raises `SourceError` for an unknown setting or one that is no such number.
    """
    for key, value in settings.items():
        if key not in known:
            raise SourceError(f"{text}: no setting {key!r}; there are {', '.join(known)}")
        if not (value.isascii() and value.isdigit()):
            raise SourceError(f"{text}: {key} must be a whole number, not {value!r}")
    return known | {key: int(value) for key, value in settings.items()}
