"""What was found in a group, as tables, sentences, figures for programs, and a page."""
