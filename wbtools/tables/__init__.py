"""Lists and tables that people keep, in the encodings and forms that spreadsheets and R write.

Import from `listfile` (the text of a file) or from `tabular` (its cells).
"""
