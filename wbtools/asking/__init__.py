"""People put to a finished network: two compared, classes told, the nearest of many found.

Images are conformed by the code of the export, so that a network is asked about what an export explains. torch is
imported by the functions, not by this module.
"""
