"""Kernels in Triton, launched by modules of `gscli.kernels` where they can be.

Nothing here is imported without Triton. Python numbers reach a kernel with 32 bits if they are floats, and as
constants of the compiled code if they are 1: so floats go as the bits of a float64, and counts are not
specialized.
"""
