"""Images on disk: NIfTI volumes, GIFTI metrics and labels, CIFTI greyordinates.

Readers return the types of `wbtools.space.grid` and `wbtools.anatomy` and reject invalid files with a one-sentence
error. Writers store the palette and the label table inside the file, where Workbench looks for them, and nothing about
the machine: no path, no date, no other file's name. The same values give the same bytes.
"""
