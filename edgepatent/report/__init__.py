"""What people look at: the page, the record, and pictures in a terminal."""
