"""A stand-in for torch, which takes gigabytes to install: the functions that seed, with torch's names and behaviour.

As in torch, they are defined in ``torch.random`` and imported from there, ``manual_seed`` returns the generator,
``seed`` takes what the system gives and returns it, and a state is a tensor of bytes with a method ``numpy``.
"""

from torch.random import get_rng_state, manual_seed, rand, seed, set_rng_state

__all__ = ["get_rng_state", "manual_seed", "rand", "seed", "set_rng_state"]
