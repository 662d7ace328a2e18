"""Workers: who is there, and what each has in its hands."""
