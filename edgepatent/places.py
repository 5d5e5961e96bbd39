"""Options that say where things lie: indexes, matters and watches."""

import os
from pathlib import Path
from typing import Any

import click


def _data() -> Path:
    # Only here: who names a folder is spared the import, 5 ms of a cold search.
    import platformdirs

    return Path(platformdirs.user_data_dir("edgepatent", appauthor=False))


def default_index() -> Path:
    """The index in the user's data folder."""
    return _data() / "index"


class _IndexName(click.ParamType[Path | str]):
    """The folder of an index or, with "://" in it, its address."""

    name = "index"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """A path, or an address as it was written."""
        if isinstance(value, str) and "://" in value:
            return value
        folder = click.Path(path_type=Path, file_okay=False).convert(value, param, ctx)
        return Path(os.fsdecode(folder))

    def split_envvar_value(self, rv: str) -> list[str]:
        """Several folders, as in $PATH; an address stands alone, for it holds colons."""
        return [rv] if "://" in rv else rv.split(os.pathsep)


_INDEX: dict[str, Any] = {
    "envvar": "EDGEPATENT_INDEX",
    "type": _IndexName(),
    "show_default": "the user's data folder",
    "metavar": "DIR|URL",
}
index_option = click.option(
    "--index",
    default=default_index,
    help="The folder of the index, or postgresql://…; $EDGEPATENT_INDEX names another default.",
    **_INDEX,
)
indexes_option = click.option(
    "--index",
    "indexes",
    multiple=True,
    default=lambda: [default_index()],
    help="The folder of an index, postgresql://… or ray://…; repeat it to search several of one "
    "model at once. $EDGEPATENT_INDEX names another default.",
    **_INDEX,
)


def default_matters() -> Path:
    """The folder of matters in the user's data folder."""
    return _data() / "matters"


def default_watches() -> Path:
    """The folder of watches in the user's data folder."""
    return _data() / "watches"


matters_option = click.option(
    "--matters",
    envvar="EDGEPATENT_MATTERS",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_matters,
    show_default="the user's data folder",
    metavar="DIR",
    help="Where matters are kept; $EDGEPATENT_MATTERS names another default.",
)
watches_option = click.option(
    "--watches",
    envvar="EDGEPATENT_WATCHES",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_watches,
    show_default="the user's data folder",
    metavar="DIR",
    help="Where watches are kept; $EDGEPATENT_WATCHES names another default.",
)


def _matter(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
    """The folder that DIR|NAME means: a path where it has a separator or is a matter, else one
    of the user's matters.
    """
    if value is None:
        return None
    from edgepatent import matter

    if os.sep in value or value in (".", "..") or matter.exists(Path(value)):
        return Path(value)
    return matter.named(Path(os.environ.get("EDGEPATENT_MATTERS") or default_matters()), value)


matter_option = click.option(
    "--matter",
    callback=_matter,
    metavar="DIR|NAME",
    help="Keep query, filters and hits in this matter, and leave out what it rates noise.",
)
matter_argument = click.argument("matter", callback=_matter, metavar="DIR|NAME")


matter_indexes_option = click.option(
    "--index",
    "indexes",
    type=_IndexName(),
    multiple=True,
    metavar="DIR|URL",
    help="Where the designs are looked up; may be repeated. [default: where they were found]",
)
