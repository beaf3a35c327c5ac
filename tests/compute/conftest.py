"""What tests of this room share: a machine at the other end of a real sshd."""

from tests.targets.sshd import sshd

__all__ = ["sshd"]
