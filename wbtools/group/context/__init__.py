"""A map of the brain beside what is known of the brain: functional networks, and other maps by spin tests."""
