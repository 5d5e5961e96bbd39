"""The room for asking: what is asked, of whom, how it is ranked, what comes of it.

`request` (what a person asks) → `views` (query images) → `asking` (one question from start to
end) → `ranking`, `words`, `fusion` (which patents, in which order) → `results`. All of it speaks
to stores through `searchable`; `kinds` suggests Locarno subclasses from the neighbours, `looks`
tells a drawing from a page of text. `edgepatent_runtime.Index` is the way in.
"""
