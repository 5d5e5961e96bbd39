"""One ranking from two: by images and by words."""

import msgspec

from edgepatent_runtime.search.results import Answer, Hit

# Reciprocal rank fusion adds 1 / (60 + rank): Cormack, Clarke and Büttcher, "Reciprocal rank
# fusion outperforms Condorcet and individual rank learning methods", 2009.
RRF = 60
# How deep both rankings are looked at when they are fused.
DEPTH = 200


def fuse(images: Answer, words: Answer, *, top: int) -> Answer:
    """Each hit scores Σ 1 / (60 + rank) over the rankings that hold it.

    Where both hold a patent, its drawings, their scores and its cosine are those of the image
    ranking.
    """
    scores: dict[str, float] = {}
    found_by = {hit.patent_id: hit.found_by for hit in words.hits}
    hits: dict[str, Hit] = {}
    for answer in (images, words):
        for hit in answer.hits:
            scores[hit.patent_id] = scores.get(hit.patent_id, 0) + 1 / (RRF + hit.rank)
            hits.setdefault(hit.patent_id, hit)
    # Ties (first here, first there) go to the image ranking, whose hits came first.
    order = sorted(hits, key=lambda number: -scores[number])[:top]
    return Answer(
        hits=[
            msgspec.structs.replace(
                hits[number], rank=rank, score=scores[number], found_by=found_by.get(number)
            )
            for rank, number in enumerate(order, start=1)
        ],
        plan=f"{images.plan}+{words.plan}",
        milliseconds=images.milliseconds + words.milliseconds,
        searched=max(images.searched, words.searched),
        doubt=images.doubt,
        notes=words.notes,
    )
