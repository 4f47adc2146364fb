"""The smallest kernel: what can go wrong with any goes wrong with it."""

import triton
import triton.language as tl


@triton.jit
def count_up(number):
    """Add one to (1,) int32."""
    tl.store(number, tl.load(number) + 1)
