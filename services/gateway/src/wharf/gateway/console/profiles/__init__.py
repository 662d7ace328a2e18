"""Kinds of table: which there are, what one is like, and a new one after a file's columns."""
