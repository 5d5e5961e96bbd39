"""How large a picture or a file may be."""

# Checked before a pixel is decoded. An A3 sheet at 600 dpi has 70 million pixels; Pillow itself
# warns above 89 million.
MAX_PIXELS = 80_000_000
# A file that is read as a whole: more than any picture of so many pixels takes, uncompressed.
MAX_BYTES = 512 << 20
MAX_PAGES = 20_000
