"""Attribution methods, a file for each under its published name."""
