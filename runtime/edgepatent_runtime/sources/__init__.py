"""Where drawings come from, one file each; see `open_source` and `load`."""
