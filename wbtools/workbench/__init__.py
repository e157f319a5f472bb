"""Connectome Workbench: commands, palettes, spec and scene files, rendered pictures.

======================  ================================================================
`command`               what to run, as values made by pure functions
`runner`                find `wb_command`, ask what it can do, run it, record it
`palette`               numbers to colours
`datafile`              what a data file is: type, structure, vertices, maps
`spec`                  the list of files of a session
`scene`                 what a session shows, described
`views`                 the scenes of an export, composed from file paths
`scene_file`            scenes written down (with `scene_brain`, `scene_window`, `xml`)
`render`                a scene as a picture, checked
======================  ================================================================
"""
