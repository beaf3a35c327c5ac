"""DSSE envelopes: the form in which in-toto's tools carry statements.

DSSE asks for a signature over a *pre-authentication encoding* of type and payload
(https://github.com/secure-systems-lab/dsse/blob/master/protocol.md); a reviewer signs the plain statement, so that
``ssh-keygen`` verifies it without any encoding. The envelope is therefore signed by whoever exports, as SSHSIG: it
says "this statement was in the project", and the reviewer's own signature lies beside it.
"""

from __future__ import annotations

import base64

from workbench.foundation.canonical import canonical_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def pre_authentication(payload: bytes) -> bytes:
    """Return the bytes that a DSSE signature covers."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def build_envelope(payload: bytes, armour: str, fingerprint: str) -> bytes:
    """Return the envelope.

    Args:
        payload: The statement.
        armour: SSHSIG over :func:`pre_authentication` of it.
        fingerprint: The key that signed, as ``keyid``.
    """
    signature = {"keyid": fingerprint, "sig": base64.b64encode(armour.encode()).decode()}
    return canonical_json(
        {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE, "signatures": [signature]}
    )
