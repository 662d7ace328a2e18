"""The ledger: the tables in PostgreSQL that are the truth about all work."""
