"""Loads what is to be checked: reads a file, finds what it imports, runs it, makes its objects, chooses inputs."""
