"""One shard that answers calls: a collection, mapped, and the moments that questions stay with."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec

from edgepatent_cluster import calls
from edgepatent_cluster.calls import Answer, Asked, Best, Fact, Known
from edgepatent_runtime.bundle import INFO, SIGNATURE
from edgepatent_runtime.errors import CollectionError, EdgepatentError, InputError
from edgepatent_runtime.search import ranking
from edgepatent_runtime.search.searchable import Moment, Scope, Searchable, Views

LEASE_S = 30.0
"""So long after its last call a moment is kept that the store has moved on from."""


class Shard:
    """Answers the calls of `calls` from one store. Safe to share between threads."""

    def __init__(self, store: Searchable) -> None:
        self._store = store
        self._kept: dict[int, _Kept] = {}
        self._guard = threading.Lock()

    def answer(self, data: bytes) -> bytes:
        """The answer to a call, both as they travel; what the store refuses is an answer, too."""
        try:
            asked = calls.asked(data)
            calls.require_space(self._store.name, self._store.space, asked.space)
            state, value = self._carry_out(asked)
        except EdgepatentError as error:
            return calls.encode(calls.refusal(error))
        except (IndexError, ValueError) as error:
            # Rows and shapes that are not of this store.
            return calls.encode(calls.refusal(InputError(f"this call makes no sense: {error}")))
        return calls.encode(Answer(state, msgspec.Raw(calls.encode(value))))

    def _carry_out(self, asked: Asked) -> tuple[calls.State, Any]:
        call, store = asked.call, self._store
        if isinstance(call, calls.About):
            known = Known(calls.PROTOCOL, store.space, store.dimensions, 1, store.calibration())
            return (), known
        if isinstance(call, calls.Tell):
            return (), store.info()
        if isinstance(call, calls.Model):
            bundle = store.bundle
            files = {str(name): bundle.read(name) for name in bundle.files}
            files[INFO] = bundle.description()
            signature = bundle.signature()
            return (), files if signature is None else {**files, SIGNATURE: signature}
        if isinstance(call, calls.Thumbnail):
            return (), store.thumbnail(call.row, call.image)
        with self._at(asked.state) as moment:
            return (moment.generation,), asked_of(moment, call)

    @contextmanager
    def _at(self, state: calls.State) -> Iterator[Moment]:
        """The store's moment or, where that is no longer the one of ``state``, the one kept."""
        with self._store.moment() as now:
            if not state:
                self._keep(now.generation)
            if not state or state == (now.generation,):
                yield now
                return
        with self._guard:
            kept = self._kept.get(state[0])
        if kept is None:
            raise CollectionError(f"{self._store.name} has changed while it was asked: ask again")
        with kept.guard:
            yield kept.moment

    def _keep(self, generation: int) -> None:
        """Hold on to the present state for the calls that follow this one."""
        now = time.monotonic()
        with self._guard:
            for other in [g for g, one in self._kept.items() if one.until < now]:
                self._kept.pop(other).close()
            kept = self._kept.get(generation)
            if kept is None:
                kept = _Kept(self._store)
                if kept.moment.generation != generation:
                    # Changed between the two: the next question keeps the new one.
                    kept.close()
                    return
                self._kept[generation] = kept
                timer = threading.Timer(LEASE_S + 1, self._tidy)
                timer.daemon = True
                timer.start()
            kept.until = now + LEASE_S

    def _tidy(self) -> None:
        """Let go of what nobody asks for: a log cannot be cut off behind an open moment."""
        now = time.monotonic()
        with self._guard:
            for other in [g for g, one in self._kept.items() if one.until < now]:
                self._kept.pop(other).close()
            if self._kept:
                timer = threading.Timer(LEASE_S, self._tidy)
                timer.daemon = True
                timer.start()

    def close(self) -> None:
        """Let go of all moments."""
        with self._guard:
            while self._kept:
                self._kept.popitem()[1].close()


class _Kept:
    """An open moment; its connection serves one call after the other."""

    def __init__(self, store: Searchable) -> None:
        self._stack = ExitStack()
        self.moment = self._stack.enter_context(store.moment())
        self.guard = threading.Lock()
        self.until = 0.0

    def close(self) -> None:
        with self.guard:
            self._stack.close()


def asked_of(moment: Moment, call: calls.OfMoment) -> Any:
    """What a moment of any store answers to a call."""
    match call:
        case calls.Counts():
            return moment.counts()
        case calls.Patents():
            return moment.patents()
        case calls.Unheld():
            return {word: list(others) for word, others in moment.unheld(call.text).items()}
        case calls.Tally():
            return moment.tally(call.fields, call.filters)
        case calls.Scores():
            return moment.scores(call.queries, call.rows)
        case calls.Embeddings():
            return moment.embeddings(call.rows)
        case calls.Require():
            return moment.require(call.rows)
        case calls.Facts():
            return _facts(moment.facts(call.rows))
    within = call.within
    scope = moment.scope(within.filters, within.exclude, within.plan)
    return _within(moment, scope, call)


def _within(moment: Moment, scope: Scope, call: calls.Scoped) -> Any:
    match call:
        case calls.Size():
            return scope.size, scope.plan
        case calls.Rows():
            return scope.rows()
        case calls.Nearest():
            return scope.nearest(call.query, call.count)
        case calls.Siblings():
            return scope.siblings(call.rows)
        case calls.Words():
            return scope.words(call.text, call.count)
        case calls.Rank():
            views = Views(call.queries, call.shares, call.unlike)
            found = ranking.ranked(moment, scope, views, call.top)
            return Best(
                found.scores, found.starts, found.rows, found.best, found.near,
                _facts(found.facts), scope.size, scope.plan,
            )  # fmt: skip


def _facts(found: Any) -> dict[int, Fact]:
    return {row: Fact(one.record, one.path) for row, one in found.items()}
