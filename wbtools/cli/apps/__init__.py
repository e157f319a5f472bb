"""Commands of other programs' conventions, each a thin layer over those of `wbtools`."""
