"""Scenes as pictures without Workbench: the sheet that wb_command 1.5.0 draws, from numpy, numba and Pillow.

Three libraries were weighed. matplotlib (35 MB, 0.6 s for each view of a hemisphere) sorts triangles instead of
comparing depths, so that folds cover what lies before them, and has one colour a triangle. vtk (590 MB) and pyrender
draw through OpenGL or OSMesa, whose absence is the very case that this is for. What is needed beside reading files is
to fill triangles in front of one another: sixty lines of numba, which wbtools requires anyway. They follow Workbench's
rules, so surfaces and slices are equal to its own in nearly every pixel.
"""
