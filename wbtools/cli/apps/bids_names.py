"""What the BIDS App calls things: its own words, which cost no import."""

NAME = "wbtools-bids"
LEVELS = ("participant", "group")
SECTIONS = "help-sections"
"""Where the Boutiques descriptor's `custom` part has the tables of the help."""
