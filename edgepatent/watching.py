"""Asking watches of what is new: only that is scored, and nothing is shown twice."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec

from edgepatent import kept
from edgepatent.matter import Matter
from edgepatent.report import filing
from edgepatent.report.filing import FiledSearch
from edgepatent.watch import Seen, Threshold, Watch, Watches
from edgepatent_runtime.errors import EdgepatentError
from edgepatent_runtime.index import Index
from edgepatent_runtime.search import verdict
from edgepatent_runtime.search.request import Request
from edgepatent_runtime.search.results import Hit, Result
from edgepatent_runtime.search.views import Page


@dataclass(frozen=True)
class Finding:
    """What came of one watch: hits, best first, among ``searched`` new drawings.

    ``problem`` says in words why it could not be asked: then it is asked the same again next time.
    ``pictures`` are the query's views as they were compared (uint8 [S, S]), ``filed`` records for
    its matter; ``doubt`` says why hits have no verdict.
    """

    watch: Watch
    hits: Sequence[Hit] = ()
    searched: int = 0
    seen: Seen | None = None
    pictures: Sequence[Page] = ()
    filed: Sequence[FiledSearch] = ()
    problem: str | None = None
    doubt: str | None = None


class Round:
    """One asking of all watches. Indexes are opened once; close it, or use ``with``."""

    def __init__(self, watches: Watches, *, threads: int = 1) -> None:
        self._watches = watches
        self._threads = threads
        self._stack = ExitStack()
        self._indexes: dict[str, Index] = {}
        self._seen = watches.seen()

    def __enter__(self) -> "Round":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def ask(self, watch: Watch, since: int | str | None = None) -> Finding:
        """What is new for a watch; nothing is remembered yet (see `remember`).

        ``since``, a generation or an ISO date, asks from there on and shows again what was shown.
        """
        try:
            return self._ask(watch, since)
        except EdgepatentError as error:
            return Finding(watch, problem=str(error))

    def remember(self, findings: Sequence[Finding]) -> None:
        """Keep what was found in its matter, then say that it was seen.

        In this order, so that a crash between shows something twice rather than never.
        """
        for one in findings:
            if one.filed and one.watch.matter is not None:
                matter = Matter(one.watch.matter)
                for record in one.filed:
                    matter.keep(record)
        self._watches.see({one.watch.name: one.seen for one in findings if one.seen is not None})

    def _ask(self, watch: Watch, since: int | str | None) -> Finding:
        before = self._seen.get(watch.name, Seen())
        hidden = (*watch.request.not_patents, *(before.shown if since is None else ()))
        request = msgspec.structs.replace(watch.request, not_patents=hidden)
        if watch.matter is not None:
            request = Matter(watch.matter).without_noise(request)
        generations: dict[str, int | str] = {}
        found: list[Hit] = []
        filed = []
        searched = 0
        pictures: list[Page] = []
        doubt = None
        for folder in watch.indexes:
            index = self._open(folder)
            # Read before the search: what comes between is asked for twice, and shown once.
            with index.stores[0].moment() as moment:
                generations[folder] = moment.mark
            start = before.generations.get(folder, 0) if since is None else since
            if start == generations[folder]:
                continue
            result = _search(index, msgspec.structs.replace(request, added=start), watch.threshold)
            searched += result.answer.searched
            doubt = doubt or result.answer.doubt
            found += result
            # Not the whole pages: of hundreds of watches they would fill the memory.
            pictures = [view.drawing for view in result.views if view.of is None]
            if len(result) and watch.matter is not None:
                filed.append(filing.file(result, index))
        hits = _best(found, watch)
        shown = tuple(hit.patent_id for hit in hits)
        seen = Seen(generations, shown, kept.now())
        if not hits:
            return Finding(watch, searched=searched, seen=seen)
        return Finding(watch, hits, searched, seen, pictures, filed, doubt=doubt)

    def _open(self, folder: str) -> Index:
        if folder not in self._indexes:
            index = Index.open(folder, threads=self._threads)
            self._indexes[folder] = self._stack.enter_context(index)
        return self._indexes[folder]


def _search(index: Index, request: Request, threshold: Threshold) -> Result:
    """The best hits, and all that pass the threshold, however many those are."""
    result = index.search(request)
    while len(result) == request.top and _passes(result[-1], threshold) is True:
        request = msgspec.structs.replace(request, top=4 * request.top)
        result = index.search(request)
    return result


def _passes(hit: Hit, threshold: Threshold) -> bool | None:
    """Whether a hit is what was asked for; None where that cannot be told, or all is."""
    if threshold == "any" or hit.probability is None:
        return None
    return hit.probability >= {"same": verdict.SAME, "similar": verdict.NONE}[threshold]


def _best(found: list[Hit], watch: Watch) -> list[Hit]:
    """The hits of all indexes as one answer, each design where it scores best.

    All that pass the threshold; of those of which nobody can tell as many as a search shows.
    """
    best: dict[str, Hit] = {}
    for hit in sorted(found, key=lambda one: (-(one.probability or 0.0), -one.score)):
        best.setdefault(hit.patent_id, hit)
    passed = {hit.patent_id: _passes(hit, watch.threshold) for hit in best.values()}
    untold = [number for number, passes in passed.items() if passes is None]
    shown = {*untold[: watch.request.top], *(number for number, passes in passed.items() if passes)}
    hits = [hit for number, hit in best.items() if number in shown]
    return [msgspec.structs.replace(hit, rank=rank) for rank, hit in enumerate(hits, start=1)]
