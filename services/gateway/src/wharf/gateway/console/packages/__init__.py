"""Packages: a form that orders one; its job has the files."""
