"""`/docs`: the API, to read and to try out."""
