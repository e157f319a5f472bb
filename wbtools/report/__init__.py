"""Pages over finished exports: of a person, of a batch; and what pages are made of."""
