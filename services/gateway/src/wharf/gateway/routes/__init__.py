"""The routes, by what they are about. Each parses, calls one plain function, and answers."""
