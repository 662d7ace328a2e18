"""Tests of one installation. Only of what is a package pytest ends such a fixture with its last test."""
