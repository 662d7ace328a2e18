"""What could read files and load rows instead: each candidate does the same work in a process of its own."""
