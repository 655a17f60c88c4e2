"""Tickets and verification tokens made by a test with the installation's own keys (ingress/tickets.c, ingress/tokens.c): what
is good in everything but its time. A test that uses one also shows that the same one with good times is taken."""
import base64
import hashlib
import hmac
import json
import secrets
import time

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lib.stack import AUDIENCE, ISSUER

MAC_LEN = 16
DAY_S = 86_400


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def derive(secret, info, length):
    return HKDF(hashes.SHA256(), length, None, info.encode()).derive(secret.encode())


def ticket(stack, use, identity, made_ms, ends_s):
    """use: "start" or "return"."""
    raw = base64.urlsafe_b64decode(identity[1:] + "==") + made_ms.to_bytes(6, "big") + ends_s.to_bytes(4, "big")
    mac = hmac.digest(derive(stack.secret("ID_KEY"), f"verifyd {use} ticket 1", 32), raw, "sha256")
    return encode(raw + mac[:MAC_LEN])


def expired_ticket(stack, use, identity, ended_s_ago=5):
    now = time.time()
    return ticket(stack, use, identity, int((now - 4000) * 1000), int(now) - ended_s_ago)


def token(stack, object_id, reference, age_s=0, life_s=DAY_S, **claims):
    """An HS256 JWS inside a dir/A256CBC-HS512 JWE (RFC 7516, RFC 7518 section 5.2)."""
    made = int(time.time()) - age_s
    content = {"iss": ISSUER, "aud": AUDIENCE, "iat": made, "nbf": made, "exp": made + life_s, "ObjectId": object_id,
               "transactionReference": reference} | claims
    signed = encode(b'{"alg":"HS256","typ":"JWT"}') + "." + encode(json.dumps(content).encode())
    key = derive(stack.secret("TOKEN_SIGNING_KEY"), "verifyd verification token signing 1", 64)
    signed += "." + encode(hmac.digest(key, signed.encode(), hashlib.sha256))

    head = encode(b'{"alg":"dir","enc":"A256CBC-HS512","cty":"JWT"}')
    key = derive(stack.secret("TOKEN_ENCRYPTION_KEY"), "verifyd verification token encryption 1", 64)
    vector = secrets.token_bytes(16)
    padder = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(key[32:]), modes.CBC(vector)).encryptor()
    text = cipher.update(padder.update(signed.encode()) + padder.finalize()) + cipher.finalize()
    tag = hmac.digest(key[:32], head.encode() + vector + text + (len(head) * 8).to_bytes(8, "big"), hashlib.sha512)[:32]
    return ".".join((head, "", encode(vector), encode(text), encode(tag)))
