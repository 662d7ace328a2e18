"""The first page: what needs somebody, and how the whole goes."""
