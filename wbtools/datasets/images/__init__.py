"""Images as they lie on disk, and how each kind becomes a row of a data set's array."""
