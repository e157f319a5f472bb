"""A person's own surfaces from a T1w image, by programs that others made: found, run, and their output published whole.

None of them is imported, and none comes with wbtools.
"""
