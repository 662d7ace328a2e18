"""Data: the loaded rows of each dataset, and how they came there."""
