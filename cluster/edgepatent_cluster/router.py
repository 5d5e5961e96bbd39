"""Several shards as one store: each call goes to those that it is about, and answers are joined.

Rows of a shard keep their order and follow those of the shards before it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from edgepatent_cluster import calls, joining
from edgepatent_cluster.calls import PROTOCOL, Answer, Asked, Known, State
from edgepatent_cluster.joining import STRIDE
from edgepatent_runtime.collection import terms
from edgepatent_runtime.errors import (
    CollectionError,
    EdgepatentError,
    InputError,
    SpaceMismatchError,
)
from edgepatent_runtime.filters import Filters, generations

Start = Callable[[bytes], Callable[[], bytes]]
"""Sends a call to a shard; what comes back waits for the answer."""


class Router:
    """Answers the calls of `calls` from several shards. Safe to share between threads."""

    def __init__(self, shards: Sequence[Start]) -> None:
        self._shards = shards
        self._space = ""
        known: list[Known] = self._all(calls.About(), ())[1]
        for place, one in enumerate(known):
            if one.space != known[0].space:
                raise SpaceMismatchError(
                    f"shard {place + 1} of {len(known)} is of another model (space "
                    f"{one.space[:12]}) than the first (space {known[0].space[:12]}): serve "
                    "shards of one model together"
                )
        self._space = known[0].space

    def answer(self, data: bytes) -> bytes:
        """The answer to a call, both as they travel."""
        try:
            asked = calls.asked(data)
            calls.require_space("what is served now", self._space, asked.space)
            if asked.state and len(asked.state) != len(self._shards):
                raise CollectionError("the cluster was started anew meanwhile: ask again")
            state, value = self._joined(asked.call, asked.state)
        except EdgepatentError as error:
            return calls.encode(calls.refusal(error))
        return calls.encode(Answer(state, msgspec.Raw(calls.encode(value))))

    # -- sending

    def _some(
        self, parts: Iterable[tuple[int, calls.Call]], state: State
    ) -> tuple[State, dict[int, Any]]:
        """The answers of some shards, asked at once, by their places."""
        waiting = [
            (place, call, self._shards[place](calls.encode(sent)))
            for place, call in parts
            for sent in [Asked(PROTOCOL, self._space, state[place : place + 1], _own(call, place))]
        ]
        states = dict(enumerate(state))
        values = {}
        failure: EdgepatentError | None = None
        for place, call, wait in waiting:
            try:
                answer: Answer = calls.decode(wait(), Answer)
                values[place] = calls.opened(answer, call)
                if answer.state:
                    states[place] = answer.state[0]
            except EdgepatentError as error:
                # The others are waited for all the same: nothing goes on behind our back.
                failure = failure or error
        if failure is not None:
            raise failure
        whole = len(states) == len(self._shards)
        return tuple(states[place] for place in sorted(states)) if whole else state, values

    def _all(self, call: calls.Call, state: State) -> tuple[State, list[Any]]:
        state, found = self._some(((place, call) for place in range(len(self._shards))), state)
        return state, [found[place] for place in range(len(self._shards))]

    # -- joining

    def _joined(self, call: calls.Call, state: State) -> tuple[State, Any]:
        match call:
            case calls.About() | calls.Tell() | calls.Model():
                return self._of_each(call)
            case calls.Thumbnail():
                place, row = divmod(call.row, STRIDE)
                if not 0 <= place < len(self._shards):
                    return state, None
                inner = calls.Thumbnail(row, call.image)
                return state, self._some([(place, inner)], state)[1][place]
            case calls.Scores() | calls.Embeddings() | calls.Require() | calls.Facts():
                return self._by_rows(call, state)
            case calls.Tally():
                state, filters = self._resolved(call.filters, state)
                call = msgspec.structs.replace(call, filters=filters)
            case calls.Size() | calls.Rows() | calls.Nearest() | calls.Words() | calls.Rank():
                state, filters = self._resolved(call.within.filters, state)
                within = msgspec.structs.replace(call.within, filters=filters)
                call = msgspec.structs.replace(call, within=within)
            case calls.Siblings():
                return self._siblings(call, state)
        state, found = self._all(call, state)
        return state, joining.together(call, found)

    def _of_each(self, call: calls.About | calls.Tell | calls.Model) -> tuple[State, Any]:
        if isinstance(call, calls.Model):
            return (), self._some([(0, call)], ())[1][0]
        if isinstance(call, calls.Tell):
            return (), joining.told(self._all(call, ())[1])
        known: list[Known] = self._all(call, ())[1]
        return (), Known(
            PROTOCOL, known[0].space, known[0].dimensions, len(known), joining.largest(known)
        )

    def _by_rows(
        self, call: calls.Scores | calls.Embeddings | calls.Require | calls.Facts, state: State
    ) -> tuple[State, Any]:
        """Calls about rows: each shard is asked about its own."""
        rows = np.asarray(call.rows, np.int64)
        places = self._places(rows)
        chosen = {place: np.flatnonzero(places == place) for place in np.unique(places).tolist()}
        inner = {place: rows[where] - place * STRIDE for place, where in chosen.items()}
        if isinstance(call, calls.Facts):
            asked = {place: calls.Facts(tuple(own.tolist())) for place, own in inner.items()}
            state, found = self._some(asked.items(), state)
            return state, {
                row + place * STRIDE: fact
                for place, facts in found.items()
                for row, fact in facts.items()
            }
        parts = {place: msgspec.structs.replace(call, rows=own) for place, own in inner.items()}
        state, found = self._some(parts.items(), state)
        if isinstance(call, calls.Require):
            return state, None
        if isinstance(call, calls.Scores):
            scores = np.empty((len(call.queries), len(rows)), np.float32)
            for place, where in chosen.items():
                scores[:, where] = found[place]
            return state, scores
        width = next(iter(found.values())).shape[1] if found else 0
        out = np.empty((len(rows), width), np.float32)
        for place, where in chosen.items():
            out[where] = found[place]
        return state, out

    def _places(self, rows: calls.Array) -> calls.Array:
        places = rows // STRIDE
        if len(rows) and not (places.min() >= 0 and places.max() < len(self._shards)):
            raise InputError("there is no such row: ask again")
        return places

    def _siblings(self, call: calls.Siblings, state: State) -> tuple[State, Any]:
        state, filters = self._resolved(call.within.filters, state)
        within = msgspec.structs.replace(call.within, filters=filters)
        rows = np.asarray(call.rows, np.int64)
        places = self._places(rows)
        state, found = self._some(
            (
                (place, calls.Siblings(within, rows[places == place] - place * STRIDE))
                for place in np.unique(places).tolist()
            ),
            state,
        )
        nothing = np.zeros(0, np.int64)
        keys = [one[0] + place * STRIDE for place, one in sorted(found.items())]
        inside = [one[1] + place * STRIDE for place, one in sorted(found.items())]
        return state, (np.concatenate([nothing, *keys]), np.concatenate([nothing, *inside]))

    def _resolved(self, filters: Filters, state: State) -> tuple[State, Filters]:
        """The same with families named in full: what links two patents may lie in two shards."""
        each = generations(filters.added)
        if each is not None and len(each) != len(self._shards):
            raise InputError(
                f"{filters.added} are the generations of {len(each)} shards, and "
                f"{len(self._shards)} are served now: say --added DATE"
            )
        # Before the first generation of a whole is before that of each.
        if isinstance(filters.added, int) and filters.added > 0 and len(self._shards) > 1:
            raise InputError(
                "shards that are searched together have no common generation: say --added DATE, "
                "or the generation of each, 12+7+9"
            )
        if len(self._shards) == 1 or not (filters.families or filters.not_families):
            return state, filters
        state, families = self._family(filters.families, state)
        state, others = self._family(filters.not_families, state)
        return state, replace(filters, families=families, not_families=others)

    def _family(self, numbers: tuple[str, ...], state: State) -> tuple[State, tuple[str, ...]]:
        known = set(numbers)
        asked: set[str] = set()
        while known - asked:
            asked = set(known)
            within = calls.Within(Filters(families=tuple(sorted(known))), (), "auto")
            state, found = self._all(calls.Rows(within), state)
            rows = joining.after_each_other(found).tolist()
            state, facts = self._joined(calls.Facts(tuple(rows)), state)
            for fact in facts.values():
                record = fact.record
                known |= {
                    key
                    for kind, key, _ in terms.terms(record.patent_id, record.bibliography)
                    if kind == terms.FAMILY
                }
        return state, tuple(sorted(known))


def _own(call: calls.Call, place: int) -> calls.Call:
    """A call as one shard gets it: of the generations in a filter its own."""
    if isinstance(call, calls.Tally):
        each = generations(call.filters.added)
        if each is None:
            return call
        return msgspec.structs.replace(call, filters=replace(call.filters, added=each[place]))
    if isinstance(call, calls.Scoped):
        each = generations(call.within.filters.added)
        if each is None:
            return call
        filters = replace(call.within.filters, added=each[place])
        within = msgspec.structs.replace(call.within, filters=filters)
        return msgspec.structs.replace(call, within=within)
    return call
