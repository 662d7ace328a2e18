"""Jobs: the list of them, and each by itself."""
