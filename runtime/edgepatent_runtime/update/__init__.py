"""An index brought from one edition to the next by what differs, and back: packs.

A pack is a folder: a small index of the patents that are new or other (catalog, rows, pictures),
with its model where that is another one, and ``update.json``, which says from which edition to
which it leads, what goes, and the digest of every file. It travels as anything does.
"""
