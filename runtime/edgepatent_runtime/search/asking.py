"""One question from start to end: views read and embedded, patents found, answers fused."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import msgspec
import numpy as np

from edgepatent_runtime import locarno, patent_id
from edgepatent_runtime.bundle import BundleInfo
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.search import calibration, ranking
from edgepatent_runtime.search.embedder import Embedder
from edgepatent_runtime.search.request import Request
from edgepatent_runtime.search.results import Answer, DrawingHit, Hit, Result, View
from edgepatent_runtime.search.searchable import Floats, Searchable
from edgepatent_runtime.search.views import Given, embedding


class Question:
    """A request to ``stores``; ``given`` holds the query images that are no files."""

    def __init__(
        self,
        stores: Sequence[Searchable],
        embedder: Embedder,
        request: Request,
        given: Mapping[str, Given],
    ) -> None:
        self.stores = stores
        self.embedder = embedder
        self.request = request
        self.given = given
        self.filters = request.filters()
        self.exclude: list[bytes] = []
        self.weights: list[float] | None = None
        self.unlike: Floats | None = None
        # How many sheets, or figures by themselves, the design is shown by.
        self.views = 1
        # Scores of photographs are lower than those that an index has measured on its drawings.
        self.photographed = False

    def ask(self) -> Result:
        """Search. Raises `DrawingError` for a query that is no drawing, `InputError` for more."""
        request = self.request
        require_classes(self.stores, (*self.filters.locarno, *self.filters.not_locarno))
        started = time.perf_counter()
        if self.filters.text:
            self.filters = replace(self.filters, text=self._spelled)
        timings = dict.fromkeys(("decode", "encode", "search", "total"), 0.0)
        seen: list[View] = []
        embeddings: Floats | None = None
        if request.like is not None:
            embeddings = stored_views(self.stores, request.like)
            self.views = len(embeddings)
            hidden = (*self.filters.not_patents, patent_id.canonical(request.like))
            self.filters = replace(self.filters, not_patents=hidden)
        elif request.queries:
            seen = self.embedder.read(
                request.queries,
                self.given,
                anyway=request.anyway,
                whole=request.whole,
                photo=request.photo,
            )
            if request.not_itself:
                self.exclude = [bytes.fromhex(view.sha256) for view in seen]
            decoded = time.perf_counter()
            timings["decode"] = (decoded - started) * 1000
            if request.any_rotation:
                embeddings, seen = self._upright(seen)
            else:
                embeddings = self.embedder.embed(request.queries, seen, self.given)
            # An embedding that was given counts as a whole view.
            self.weights = [view.weight * view.emphasis for view in seen]
            ready = [one for one in request.queries if embedding(one, self.given) is not None]
            self.weights += [one.weight for one in ready]
            self.photographed = any(view.contours for view in seen)
            self.views = max(1, round(sum(view.weight for view in seen)) + len(ready))
            timings["encode"] = (time.perf_counter() - decoded) * 1000
        if request.unlike:
            self._read_unlike()
        before = time.perf_counter()
        if embeddings is not None:
            answer = self._by_images(embeddings)
        elif request.text is not None:
            answer = self._by_words(request.top)
        else:
            raise InputError("nothing to search for: give an image, like= or text=")
        answer = self._sure_enough(answer)
        if request.text is not None:
            from edgepatent_runtime.search import words

            notes = (*words.told(self._meant), *answer.notes)
            answer = msgspec.structs.replace(answer, notes=notes)
        now = time.perf_counter()
        timings["search"] = (now - before) * 1000
        timings["total"] = (now - started) * 1000
        return Result(
            request=request,
            views=seen,
            answer=answer,
            timings_ms=timings,
            indexes=tuple(store.name for store in self.stores),
            space=self.stores[0].space,
        )

    def _read_unlike(self) -> None:
        queries = self.request.unlike
        seen = self.embedder.read(queries, self.given, anyway=True, whole=True)
        self.unlike = self.embedder.embed(queries, seen, self.given)

    def _find(
        self, embeddings: Floats, top: int, filters: Filters, weights: Sequence[float] | None
    ) -> Answer:
        answer = ranking.search(
            self.stores,
            embeddings,
            weights=weights,
            balance=self._balance,
            top=top,
            filters=filters,
            plan=self._plan(),
            exclude=self.exclude,
            unlike=self.unlike,
            copies=calibration.copies(self._known) if self.request.by == "patent" else None,
        )
        return self._judged(answer)

    @cached_property
    def _known(self) -> calibration.Known:
        return calibration.known(self.stores)

    def _judged(self, answer: Answer) -> Answer:
        """The answer with how good its hits are."""
        if self.request.kin is not None:
            return msgspec.structs.replace(answer, doubt="hits of --kin have no verdict")
        if self.request.unlike:
            return msgspec.structs.replace(answer, doubt="hits of --unlike have no verdict")
        if self.photographed:
            doubt = "hits of a photograph of a product have no verdict"
            return msgspec.structs.replace(answer, doubt=doubt)
        return calibration.judged(answer, self._known, self.views)

    def _sure_enough(self, answer: Answer) -> Answer:
        """Without the hits that are less likely the same design than was asked for."""
        least = self.request.min_confidence
        if not least:
            return answer
        if answer.doubt is not None:
            raise InputError(f"{answer.doubt}; search without --min-confidence")
        hits = [hit for hit in answer.hits if (hit.probability or 0.0) >= least]
        return msgspec.structs.replace(answer, hits=hits)

    @cached_property
    def _meant(self) -> dict[str, list[str]]:
        """The typing errors of the request's words, and what is meant."""
        from edgepatent_runtime.search import words

        return words.meant(self.stores, self.request.text or "")

    @property
    def _spelled(self) -> str:
        """The request's words without typing errors."""
        from edgepatent_runtime.collection.words import spelled

        return spelled(self.request.text or "", self._meant)

    @cached_property
    def _balance(self) -> Floats | None:
        """What each dimension of a query counts, where kin and twins are weighed otherwise."""
        kin = self.request.kin
        return None if kin is None else balance(self.embedder.bundle.info, kin)

    def _plan(self) -> str:
        # The signs of dimensions, and the graph, know the model's own weights only.
        plan = self.request.plan
        return "exact" if plan == "auto" and self.request.kin is not None else plan

    def _by_images(self, embeddings: Floats) -> Answer:
        request = self.request
        if request.by == "drawing":
            self.views = 1
            answers = [self._find(one[None], request.top, self.filters, None) for one in embeddings]
            return _by_drawing(answers, request.top)
        if request.text is None or not request.fuse:
            return self._find(embeddings, request.top, self.filters, self.weights)
        from edgepatent_runtime.search import fusion

        images = self._find(embeddings, fusion.DEPTH, self.filters, self.weights)
        texts = self._by_words(fusion.DEPTH)
        ranked = {hit.patent_id for hit in images.hits}
        missing = tuple(hit.patent_id for hit in texts.hits if hit.patent_id not in ranked)
        if missing:
            # Found by words alone: their drawings' scores are still worth showing.
            among = replace(self.filters, patents=missing)
            scored = self._find(embeddings, len(missing), among, self.weights)
            scored = self._judged(msgspec.structs.replace(scored, field=images.field))
            seen = {hit.patent_id: hit for hit in scored.hits}
            hits = [
                msgspec.structs.replace(
                    hit,
                    drawings=seen[hit.patent_id].drawings,
                    cosine=seen[hit.patent_id].cosine,
                    probability=seen[hit.patent_id].probability,
                )
                if hit.patent_id in seen
                else hit
                for hit in texts.hits
            ]
            texts = msgspec.structs.replace(texts, hits=hits)
        return fusion.fuse(images, texts, top=request.top)

    def _by_words(self, top: int) -> Answer:
        """By words, and what is not called so by what its drawings look like."""
        from edgepatent_runtime.collection.words import spelled
        from edgepatent_runtime.search import bylook, words

        text = self.request.text or ""
        found = words.search_words(self.stores, self._spelled, top=top, filters=self.filters)
        guess = not found.hits and bylook.guesses(self.stores, self.request, self._meant)
        if guess and (some := words.any_of(text)):
            some = spelled(some, self._meant)
            found = words.search_words(self.stores, some, top=top, filters=self.filters)
        looks = bylook.search_looks(
            self.stores, self._spelled, top=top, filters=self.filters, guess=guess
        )
        return bylook.followed(found, looks, top)

    def _upright(self, seen: Sequence[View]) -> tuple[Floats, list[View]]:
        """Each view turned to where its best match scores highest."""
        if any(embedding(query, self.given) is not None for query in self.request.queries):
            raise InputError("an embedding cannot be turned: give the image")
        chosen, turned = [], []
        for view in seen:
            turns = [np.rot90(view.drawing, quarters) for quarters in range(4)]
            vectors = self.embedder.encode(np.stack(turns))
            best = []
            for vector in vectors:
                answer = ranking.search(self.stores, vector[None], top=1, filters=self.filters)
                best.append(answer.hits[0].score if answer.hits else -1.0)
            quarters = int(np.argmax(best))
            chosen.append(vectors[quarters])
            turned.append(
                msgspec.structs.replace(view, page=np.rot90(view.page, quarters), quarters=quarters)
            )
        return np.stack(chosen), turned


def tells_kin(model: BundleInfo) -> bool:
    """Whether a model's embedding is of two parts, kin and twin, that can be weighed."""
    parts = model.parts
    told = sorted(place for part in parts.values() for place in part.dimensions)
    apart = set(parts) == {"kin", "twin"} and all(part.weight > 0 for part in parts.values())
    return apart and told == list(range(model.dimensions))


def balance(model: BundleInfo, kin: float) -> Floats:
    """What to multiply a query [D] by for inner products of kin · cos_kin + (1 − kin) · cos_twin.

    In the embedding itself each part has a length of its own (`bundle.Part`). Raises `InputError`
    for a model that does not tell the two apart.
    """
    parts = model.parts
    if not tells_kin(model):
        raise InputError(
            "the model of the index does not tell kin from twins: search without --kin, or bring "
            "the index to one that does (edgepatent index rebuild --model)"
        )
    weights = np.empty(model.dimensions, np.float32)
    for name, wanted in (("kin", kin), ("twin", 1 - kin)):
        weights[parts[name].dimensions] = wanted / parts[name].weight
    return weights


def require_classes(stores: Sequence[Searchable], codes: Sequence[str]) -> None:
    """Raise `InputError` for a code that is no Locarno class and no label of a source's own."""
    for code in codes:
        if locarno.is_known(code):
            continue
        for store in stores:
            with store.moment() as moment:
                if moment.scope(Filters(locarno=(code,))).size:
                    break
        else:
            kind = "subclass" if "-" in code else "class"
            raise InputError(
                f"there is no Locarno {kind} {code}, and nothing indexed is labelled so: "
                f"edgepatent data locarno{f' {code[:2]}' if kind == 'subclass' else ''} lists them"
            )


def stored_views(stores: Sequence[Searchable], number: str) -> Floats:
    """The stored embeddings [V, D] of a patent in the first store that holds it.

    Raises `InputError` where none does.
    """
    number = patent_id.canonical(number)
    for store in stores:
        with store.moment() as moment:
            rows = moment.scope(Filters(patents=(number,))).rows()
            if len(rows):
                moment.require(rows)
                return moment.embeddings(rows)
    raise InputError(f"{number} is not indexed: --like takes the number of an indexed patent")


def _by_drawing(answers: Sequence[Answer], top: int) -> Answer:
    """The best drawings of all views' answers, each a hit of its own."""
    best: dict[tuple[str, int], tuple[Hit, DrawingHit]] = {}
    for answer in answers:
        for hit, found in _drawings_of(answer):
            key = (hit.index, found.row)
            if key not in best or found.score > best[key][1].score:
                best[key] = (hit, found)
    ranked = sorted(best.values(), key=lambda one: -one[1].score)[:top]
    return msgspec.structs.replace(
        answers[0],
        hits=[
            msgspec.structs.replace(
                hit, rank=rank, score=found.score, cosine=found.score, drawings=[found]
            )
            for rank, (hit, found) in enumerate(ranked, start=1)
        ],
        milliseconds=sum(answer.milliseconds for answer in answers),
    )


def _drawings_of(answer: Answer) -> Iterator[tuple[Hit, DrawingHit]]:
    for hit in answer.hits:
        for found in hit.drawings:
            yield hit, found
