"""Files: handed in on a page, looked at, mapped by hand, imported."""
