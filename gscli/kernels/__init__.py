"""Arrays in, arrays out: no paths, no printing, no global randomness, no device names.

Where one source serves NumPy arrays and torch tensors it is written once; where it is written twice,
tests hold both to equal results.
"""
