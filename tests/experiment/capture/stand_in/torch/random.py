"""What torch keeps in ``torch.random``; ``rand`` stands here for whatever draws."""

from __future__ import annotations

import secrets

import numpy as np

_default = np.random.RandomState(secrets.randbits(32))


class Tensor:
    """Bytes, as torch holds a generator's state."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def numpy(self) -> np.ndarray:
        """Return them as an array."""
        return np.frombuffer(self._data, dtype=np.uint8)


def manual_seed(seed: int) -> np.random.RandomState:
    """Seed every device's generator."""
    _default.seed(int(seed) % 2**32)
    return _default


def seed() -> int:
    """Seed with what the system gives, and return that."""
    number = secrets.randbits(32)
    _default.seed(number)
    return number


def get_rng_state() -> Tensor:
    """Return the state of the processor's generator."""
    _, keys, position, *_ = _default.get_state(legacy=True)
    return Tensor(keys.tobytes() + int(position).to_bytes(4, "little"))


def set_rng_state(new_state: Tensor) -> None:
    """Set it again."""
    data = new_state.numpy().tobytes()
    _default.set_state(("MT19937", np.frombuffer(data[:-4], dtype=np.uint32), int.from_bytes(data[-4:], "little")))


def rand(size: int) -> np.ndarray:
    """Draw."""
    return _default.random_sample(size)
