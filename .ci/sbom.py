"""A software bill of materials, offline: what our distributions stand on in this environment.

    python .ci/sbom.py dist/sbom.cdx.json

CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/): our distributions and everything they depend
on, extras of ours included where they are installed, with versions, licences, who needs whom, and
the SHA-256 of each of our wheels that lies beside the file.
"""

import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
OURS = tuple(
    sorted(
        tomllib.loads(file.read_text("utf-8"))["project"]["name"]
        for file in (ROOT / "pyproject.toml", *ROOT.glob("*/pyproject.toml"))
    )
)
"""Every distribution of this repository: one a pyproject.toml."""


def canonical(name: str) -> str:
    """A distribution's name as the index spells it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needs(name: str) -> Iterator[str]:
    """The distributions that ``name`` asks for and that are installed; extras only of ours."""
    found = metadata.distribution(name)
    extras = found.metadata.get_all("Provides-Extra") or [] if name in OURS else []
    for line in found.requires or []:
        requirement = Requirement(line)
        wanted = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
        )
        if wanted:
            try:
                metadata.distribution(requirement.name)
            except metadata.PackageNotFoundError:
                continue
            yield canonical(requirement.name)


def component(name: str, wheels: Path) -> dict[str, Any]:
    """One distribution as CycloneDX describes it."""
    about = metadata.distribution(name).metadata
    version = about["Version"]
    licence = about["License-Expression"] or about["License"] or ""
    one: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
    }
    if licence:
        one["licenses"] = [{"license": {"name": licence.splitlines()[0][:200]}}]
    built = sorted(wheels.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
    if built:
        digest = hashlib.sha256(built[0].read_bytes()).hexdigest()
        one["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return one


def bill(wheels: Path) -> dict[str, Any]:
    """The whole bill, the same bytes for the same environment."""
    edges: dict[str, list[str]] = {}
    open_names = list(OURS)
    while open_names:
        name = open_names.pop()
        if name not in edges:
            edges[name] = sorted(set(needs(name)))
            open_names += edges[name]
    components = {name: component(name, wheels) for name in sorted(edges)}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {**components["edgepatent"], "type": "application"}},
        "components": list(components.values()),
        "dependencies": [
            {
                "ref": components[name]["bom-ref"],
                "dependsOn": [components[other]["bom-ref"] for other in needed],
            }
            for name, needed in sorted(edges.items())
        ],
    }


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    made = bill(out.parent)
    out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    print(f"{len(made['components'])} components in {out}")
