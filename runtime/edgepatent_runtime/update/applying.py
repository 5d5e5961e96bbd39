"""A pack applied: prepared beside the live index, switched by one commit, with a way back.

Whatever the pack says is checked before the commit, and once there it is one transaction of the
catalog: killed at any moment, the index is of the old edition or of the new. Readers go on as they
do beside any writer.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edgepatent_runtime import faults, names, whole
from edgepatent_runtime.bundle import Bundle, digest
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.connection import exists
from edgepatent_runtime.collection.edition import Edition
from edgepatent_runtime.collection.leftovers import UPDATE
from edgepatent_runtime.collection.model import FIRST, copy_in
from edgepatent_runtime.errors import CollectionError, InputError
from edgepatent_runtime.index import finish
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.update import pack
from edgepatent_runtime.update.pack import Pack

# The pack that leads back, by the state that it leads back from: one that was prepared and then not
# needed does not take the place of the one that is.
_BACK = "rollback-{}"
_BACKS = re.compile(r"rollback-[0-9a-f]{16}")


class Applied(msgspec.Struct, frozen=True):
    """What became of an index: from which edition to which, and what it holds now.

    ``changed`` is False where it was of that edition already.
    """

    changed: bool
    base: str
    target: str
    drawings: int
    patents: int


def apply(
    update: Path,
    index: Path,
    *,
    public: Path | None = None,
    threads: int = 0,
    progress: Progress = silent,
) -> Applied:
    """Bring the index in a folder to the edition that the pack ``update`` leads to.

    It must have been signed by the key in ``public``, if one is given. An index that is of that
    edition already stays as it is. Raises `InputError` for a pack that is damaged, or made for
    another edition, `BundleError` where its signature or its model is not right, `CollectionError`
    where the index cannot be written.
    """
    opened = Pack(update)
    if public is not None:
        from edgepatent_runtime import signature

        signature.require(opened.said, opened.signature(), public, update)
    return _apply(opened, index, True, threads, progress)


def _apply(opened: Pack, index: Path, keep_back: bool, threads: int, progress: Progress) -> Applied:
    info = opened.info
    with Collection.open(index, write=True) as live:
        now, carried = live.edition(progress), digest(live.bundle.description())
        model = info.model or carried
        back = _back(info.target, model)
        changed = (now.name, carried) != (info.target, model)
        if changed:
            if now.name != info.base:
                raise InputError(
                    f"{opened.folder} needs edition {info.base[:16]} of the index, {index} is "
                    f"edition {now.name[:16]}: get the pack that leads from there, or copy the "
                    "whole index"
                )
            _switch(live, now, opened, back if keep_back else None, progress)
        # Also what an interrupted one had not come to.
        for name in _backs(index) - ({back} if keep_back else set()):
            names.remove_folder(index, name)
        faults.point("update.done")
        finish(live, progress, threads)
        with live.moment() as moment:
            drawings, patents = moment.counts()
    return Applied(changed, info.base, info.target, drawings, patents)


def rollback(index: Path, *, threads: int = 0, progress: Progress = silent) -> Applied:
    """Bring the index in a folder back to the edition before the last update.

    Interrupted, the same call goes on. Raises `InputError` where there is nothing to go back to, or
    the index has changed since.
    """
    if not exists(index):
        raise CollectionError(f"there is no index in {index}")
    backs = _backs(index)
    if not backs:
        raise InputError(f"{index} keeps no edition to go back to: no pack has updated it")
    with Collection.open(index) as live:
        now = live.edition(progress).name
        back = _back(now, digest(live.bundle.description()))
    packs = [Pack(index / name) for name in ([back] if back in backs else sorted(backs))]
    # One that leads here has been here before, and was interrupted afterwards.
    found = [one for one in packs if one.folder.name == back or one.info.target == now]
    if not found:
        raise InputError(
            f"{index} has changed since its update (it is edition {now[:16]}): there is no going "
            "back"
        )
    return _apply(found[0], index, False, threads, progress)


def _back(edition: str, model: str) -> str:
    """The name of the pack that leads back from an edition with a model."""
    return _BACK.format(digest(f"{edition} {model}".encode())[:16])


def _backs(index: Path) -> set[str]:
    return {path.name for path in index.iterdir() if _BACKS.fullmatch(path.name)}


def _switch(
    live: Collection, now: Edition, opened: Pack, back: str | None, progress: Progress
) -> None:
    """Make of ``live`` what the pack says; the way back is kept under the name ``back``."""
    info, index = opened.info, live.folder
    staged = index / UPDATE
    names.remove_folder(index, UPDATE)
    staged.mkdir(mode=0o700)
    try:
        with _reading(opened, staged) as new:
            comes, gone = new.edition(progress), set(info.removed)
            _require(now, comes, opened)
            if back is not None:
                with whole.new_folder(staged / "back", 0o700) as folder:
                    pack.write(
                        folder, live, info.target, info.base, gone, comes.patents.keys(),
                        info.model is not None, progress,
                    )  # fmt: skip
                names.remove_folder(index, back)
                (staged / "back").rename(index / back)
                whole.sync_folder(index)
                faults.point("update.kept")
            bundle = Bundle(staged / FIRST) if info.model else None
            generation = live.writer.edits.state().generation
            try:
                live.replace(gone, new, bundle, progress)
            except BaseException:
                # Refused so late, it leaves no way back from where nobody has been; interrupted
                # after the commit, it does.
                if back is not None and live.writer.edits.state().generation == generation:
                    names.remove_folder(index, back)
                raise
            measured = new.calibration()
    finally:
        names.remove_folder(index, UPDATE)
    if measured is not None:
        live.keep_calibration(measured)


@contextmanager
def _reading(opened: Pack, staged: Path) -> Iterator[Collection]:
    """The index in a pack, copied to ``staged`` and checked, where nobody else changes it."""
    opened.copy(staged)
    bundle = opened.bundle
    if bundle is not None:
        copy_in(bundle, staged, FIRST)
        faults.point("update.copied")
    try:
        with Collection.open(staged) as new:
            yield new
    except CollectionError as error:
        # What is wrong there is wrong in the pack, which is what people know of.
        said = str(error).replace(str(staged), str(opened.folder))
        if said == str(error):
            raise
        raise InputError(f"{opened.folder} cannot be applied: {said}") from error


def _require(now: Edition, new: Edition, opened: Pack) -> None:
    """Raise `InputError` unless the pack makes of ``now`` what it says."""
    gone = set(opened.info.removed)
    left = now.without(gone)
    sound = gone <= now.patents.keys() and not (left.patents.keys() & new.patents.keys())
    # Under another model none of the old rows stays.
    sound = sound and (new.head == now.head or not left.patents)
    then = Edition(new.head, {**left.patents, **new.patents})
    if not sound or then.name != opened.info.target:
        raise InputError(
            f"{opened.folder} does not lead to the edition that it names: make it again"
        )
