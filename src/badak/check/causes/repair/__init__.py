"""Repairs: small changes to the source that make a gradient right."""
