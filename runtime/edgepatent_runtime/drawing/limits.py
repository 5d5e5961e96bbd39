"""How large a picture may be."""

# Checked before a pixel is decoded. An A3 sheet at 600 dpi has 70 million pixels; Pillow itself
# warns above 89 million.
MAX_PIXELS = 80_000_000
