"""Is this layer right, and if not, why: the layer contract, the diagnosis in words, the child process."""
