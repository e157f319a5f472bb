"""The report of one person: one HTML file that is made from a finished export alone."""
