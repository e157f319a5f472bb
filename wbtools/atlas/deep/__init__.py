"""Optional sources of labels below the cortex, beside the segmentation: hypothalamus, nuclei of the thalamus, 7T atlas.

A source is an entry of `known_sources.SOURCES`, which makes it a word of `--subcortex`. Its labels are read from the
person's own folder where FreeSurfer left some, else from an atlas in a template's space that is installed (T1Prep) or
named by the user, and are carried to the person by a `template_warp.Warp`. Nothing is made up: labels that are not
there end in an error that says where they were looked for.
"""
