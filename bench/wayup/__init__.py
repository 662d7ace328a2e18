"""What more of each part gives: ratios side by side in one run, for docs/scaling.md."""
