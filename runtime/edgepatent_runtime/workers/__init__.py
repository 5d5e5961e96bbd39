"""Processes that read what nobody vouches for: they have limits, and end with the one they serve.

`call` and `each` run a function of this program in such a process. A file that makes it crash,
hang or swallow memory costs that file, and not the run.
"""
