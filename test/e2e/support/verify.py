"""Verifies tokens with PyJWT as a service would that knows an issuer and its own name: from standard input, so that none stands in an argument.

Takes {"issuer", "audience", "tokens": {name: token}}, and prints {name: "accepted" or the name of the exception}.
"""
import json
import sys
import urllib.request

import jwt

asked = json.load(sys.stdin)
issuer = asked["issuer"]
with urllib.request.urlopen(issuer + "/.well-known/openid-configuration", timeout=10) as answer:
    discovery = json.load(answer)
assert discovery["issuer"] == issuer
keys = jwt.PyJWKClient(discovery["jwks_uri"])


def verify(token):
    try:
        key = keys.get_signing_key_from_jwt(token)
        jwt.decode(
            token,
            key.key,
            algorithms=discovery["id_token_signing_alg_values_supported"],
            audience=asked["audience"],
            issuer=issuer,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
    except jwt.PyJWTError as refused:
        return type(refused).__name__
    return "accepted"


print(json.dumps({name: verify(token) for name, token in asked["tokens"].items()}))
