"""An issuer of access tokens on loopback: a JWKS, and tokens with any claims, as Azure AD gives them to a program (client credentials)."""
import http.server
import json
import threading
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT, STRANGER = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
AUDIENCE = "api://verifyd"


class Issuer:
    """Serves nothing before start(): an issuer that is away."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.name = f"{self.url}/tenant/v2.0"
        self.keys = {"rsa-1": rsa.generate_private_key(public_exponent=65537, key_size=2048), "ec-1": ec.generate_private_key(ec.SECP256R1())}
        self.asked = []  # (client, form) of those who wanted a token
        self.port, self.server = port, None

    def settings(self, **clients):
        return {"OAUTH_ISSUER": self.name, "OAUTH_AUDIENCE": f"{AUDIENCE},another", "OAUTH_JWKS_URL": f"{self.url}/keys",
                "OAUTH_CLIENTS": ",".join(f"{name}={client}" for name, client in (clients or {"app": CLIENT}).items())}

    def jwks(self):
        found = []
        for kid, key in self.keys.items():
            algorithm = "RS256" if kid.startswith("rsa") else "ES256"
            found.append(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"})
        return {"keys": [*found, {"kty": "oct", "kid": "odd", "k": "AAAA"}]}

    def token(self, kid="rsa-1", key=None, algorithm=None, headers=None, **claims):
        """A good one but for what the arguments say; a claim of None is left out."""
        now = int(time.time())
        wanted = {"iss": self.name, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 600, "azp": CLIENT, "sub": "s-1", "ver": "2.0"} | claims
        algorithm = algorithm or ("RS256" if kid.startswith("rsa") else "ES256")
        return jwt.encode({name: value for name, value in wanted.items() if value is not None}, self.keys[kid] if key is None else key, algorithm,
                          headers={"kid": kid} | (headers or {}))

    def start(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, document):
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer(issuer.jwks())

            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                issuer.asked.append((self.headers.get("Authorization"), form))
                self.answer({"access_token": issuer.token(), "token_type": "Bearer", "expires_in": 600})

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
