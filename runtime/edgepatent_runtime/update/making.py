"""A pack made of what differs between two indexes."""

from pathlib import Path

import msgspec

from edgepatent_runtime import whole
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.errors import CollectionError, InputError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.update import pack


class Packed(msgspec.Struct, frozen=True):
    """What a pack does: how many patents come, change and go, and how many drawings it brings.

    ``base`` and ``target`` are editions, ``model`` says whether it brings another one.
    """

    base: str
    target: str
    added: int
    changed: int
    removed: int
    drawings: int
    model: bool
    bytes: int


def make(
    index: Path, old: Path, out: Path, *, secret: Path | None = None, progress: Progress = silent
) -> Packed:
    """Write the pack that makes the index in ``old`` what the one in ``index`` is, to ``out``.

    It is signed with the key in ``secret``, if one is given. Both indexes are only read. Raises
    `InputError` where ``out`` is there or the two do not differ, `CollectionError` where one
    cannot be read or is damaged.
    """
    if out.exists():
        raise InputError(f"{out} is there already: name a new folder")
    with Collection.open(index) as new, Collection.open(old) as before:
        ours, theirs = new.edition(progress), before.edition(progress)
        model = new.bundle.description() != before.bundle.description()
        if ours.name == theirs.name and not model:
            raise InputError(f"{index} holds what {old} holds: there is nothing to pack")
        # Rows under another rotation come with their model, too: it is stored with them.
        model = model or ours.head != theirs.head
        comes, goes = ours.changed(theirs), theirs.changed(ours)
        with whole.new_folder(out, 0o700) as folder:
            pack.write(folder, new, theirs.name, ours.name, comes, goes, model, progress)
            with Collection.open(folder) as made:
                with made.moment() as moment:
                    drawings, _ = moment.counts()
                if made.edition(progress).patents != {one: ours.patents[one] for one in comes}:
                    raise CollectionError(
                        f"{index} was changed while it was packed, or {folder} is damaged: do it "
                        "again"
                    )
            if secret is not None:
                from edgepatent_runtime import signature

                said = (folder / pack.DESCRIPTION).read_bytes()
                whole.write(folder / pack.SIGNATURE, signature.of(said, pack.DESCRIPTION, secret))
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return Packed(
        base=theirs.name,
        target=ours.name,
        added=len(comes - goes),
        changed=len(comes & goes),
        removed=len(goes - comes),
        drawings=drawings,
        model=model,
        bytes=size,
    )
