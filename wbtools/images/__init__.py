"""Images on disk: NIfTI volumes, GIFTI metrics and labels, CIFTI greyordinates.

Readers turn files into the values of `wbtools.space.grid` and `wbtools.anatomy` and refuse what cannot be trusted, each
with one sentence. Writers put the palette and the label table inside the file, where Workbench looks for them, and
nothing of the machine: no path, no date, no name of another file. The same values give the same bytes.
"""
