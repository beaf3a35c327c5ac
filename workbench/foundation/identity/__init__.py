"""Who said so: SSH keys that sign, and the ``allowed_signers`` file that says whose key it is.

Anyone can verify a signature by hand with ``ssh-keygen -Y verify -f policy/reviewers``.
"""

from workbench.foundation.identity.keys import PublicKey, create_key, parse_public_key, read_public_key
from workbench.foundation.identity.signatures import check_moment, sign, signing_key, verify
from workbench.foundation.identity.signers import AllowedSigners, SignerEntry, revoked_keys

__all__ = [
    "AllowedSigners",
    "PublicKey",
    "SignerEntry",
    "check_moment",
    "create_key",
    "parse_public_key",
    "read_public_key",
    "revoked_keys",
    "sign",
    "signing_key",
    "verify",
]
