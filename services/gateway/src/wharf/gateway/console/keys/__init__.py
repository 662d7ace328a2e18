"""Keys: who may come in, since when they have not, and until when they may."""
