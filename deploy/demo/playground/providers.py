"""What technical profiles do: calls of the API as B2C makes them, the directory, transformations, the id_token_hint."""
import base64
import datetime
import hashlib
import http.client
import json
import secrets
import time
import urllib.parse
import uuid

from policies import at

CALL_S = 10  # what B2C waits for an answer; it tries once more
CODE = "123456"  # of every telephone


class Refused(Exception):
    """A step that fails, with the text for the person."""


def typed(policy, name, value):
    kind = (claim.kind if (claim := policy.claim(name)) else "string")
    if value is None:
        return None
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    return int(value) if kind in ("int", "long") else str(value)


def shown(value):
    return str(value) if not isinstance(value, bool) else ("True" if value else "False")


def resolve(text, journey):
    """{OAUTH-KV:name} and its like."""
    known = {
        "{OIDC:ClientId}": journey.asked.get("client_id", ""), "{OIDC:RedirectUri}": journey.asked.get("redirect_uri", ""),
        "{OIDC:Scope}": journey.asked.get("scope", ""), "{OIDC:LoginHint}": journey.asked.get("login_hint", ""),
        "{Context:CorrelationId}": journey.correlation, "{Culture:RFC5646}": journey.language, "{Policy:PolicyId}": journey.policy.name,
        "{Context:DateTimeInUtc}": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "{Policy:TenantObjectId}": str(uuid.uuid5(uuid.NAMESPACE_DNS, "playground")),
    }
    if text and text.startswith("{OAUTH-KV:"):
        return journey.asked.get(text[len("{OAUTH-KV:"):-1], "")
    return known.get(text, text)


def value_of(claim, journey, claims):
    value = claims.get(claim.name.lower())
    if claim.default is not None and (claim.always or value is None):
        return typed(journey.policy, claim.name, resolve(claim.default, journey) or None)
    return value


def inputs(profile, journey, claims, kind="InputClaims"):
    """Partner's name -> value, of those that have one."""
    given = {}
    for claim in profile.lists[kind]:
        value = value_of(claim, journey, claims)
        if value is None and claim.required:
            raise Refused(f"{profile.name} needs {claim.name}")
        if value is not None:
            given[claim.partner] = value
    return given


def outputs(profile, journey, claims, result):
    for claim in profile.lists["OutputClaims"]:
        value = result.get(claim.partner)
        if value is None or claim.always:
            value = value_of(claim, journey, {} if claim.always else claims)
        if value is not None:
            claims[claim.name.lower()] = typed(journey.policy, claim.name, value)


def change(journey, name, claims):
    """A claims transformation."""
    element = journey.policy.changes[name]
    method = element.get("TransformationMethod")
    given = {one.get("TransformationClaimType"): claims.get(one.get("ClaimTypeReferenceId").lower()) for one in at(element, "InputClaims/InputClaim")}
    settings = {one.get("Id"): one.get("Value") for one in at(element, "InputParameters/InputParameter")}
    if method == "AssertBooleanClaimIsEqualToValue":
        if given["inputClaim"] is not (settings["valueToCompareTo"].lower() == "true"):
            raise Refused("UserMessageIfClaimsTransformationBooleanValueIsNotEqual")
    elif method == "CompareClaims":
        one, other = given["inputClaim1"], given["inputClaim2"]
        if settings.get("ignoreCase", "").lower() == "true" and one and other:
            one, other = one.lower(), other.lower()
        same = one is not None and one == other
        output = at(element, "OutputClaims/OutputClaim")[0].get("ClaimTypeReferenceId")
        claims[output.lower()] = same == (settings["operator"] == "EQUAL")
    else:
        raise Refused(f"the playground knows no transformation {method}")


class Directory:
    """The people of the playground; gone when it ends."""

    def __init__(self):
        self.people = {}

    def find(self, attribute, value):
        return next((one for one in self.people.values() if str(one.get(attribute, "")).lower() == str(value).lower()), None)

    def run(self, profile, journey, claims):
        ((attribute, value), *_) = inputs(profile, journey, claims).items()
        person = self.find(attribute, value)
        if profile.meta.get("Operation") == "Write":
            created = person is None
            if person and profile.meta.get("RaiseErrorIfClaimsPrincipalAlreadyExists", "").lower() == "true":
                raise Refused("There is an account of this e-mail address already. Please sign in.")
            if created:
                identity = str(uuid.uuid4())
                person = self.people[identity] = {"objectId": identity, "accountEnabled": True}
            person |= inputs(profile, journey, claims, "PersistedClaims")
            journey.trace.add("B2C", "directory", f"{profile.name}: written", {key: value for key, value in person.items() if key != "password"})
            return person | {"newClaimsPrincipalCreated": created}
        if person is None:
            raise Refused("We know no such account.")
        return dict(person)

    def sign_in(self, name, password):
        person = self.find("signInNames.emailAddress", name)
        if person is None or not secrets.compare_digest(person["password"].encode(), password.encode()):
            raise Refused("The e-mail address or the password is not right.")
        return {"oid": person["objectId"]}


class Api:
    """Calls as B2C's RESTful provider makes them: JSON, one API key, 10 s, one more try after none was answered."""

    def __init__(self, key, trace):
        self.key, self.trace, self.down = key, trace, False

    def run(self, profile, journey, claims):
        url = urllib.parse.urlsplit(profile.meta["ServiceUrl"])
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if profile.meta.get("AuthenticationType") == "ApiKeyHeader":
            (header,) = profile.keys
            headers[header] = self.key
        body = inputs(profile, journey, claims)
        for left in (1, 0):
            try:
                status, answer = self.call(url, headers, body)
                break
            except OSError as error:
                self.trace.add("B2C", "verifyd", f"POST {url.path}: no answer", str(error))
                if left == 0:
                    raise Refused(profile.meta.get("DefaultUserMessageIfRequestFailed", "The service did not answer.")) from None
        if status != 200:
            raise Refused(answer.get("userMessage") or profile.meta.get("DefaultUserMessageIfRequestFailed", f"status {status}"))
        return answer

    def call(self, url, headers, body):
        if self.down:
            raise OSError("verifyd is said to be down: a switch of the playground")
        began = time.monotonic()
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=CALL_S)
        try:
            connection.request("POST", url.path, json.dumps(body), headers)
            reply = connection.getresponse()
            answer = json.loads(reply.read() or b"{}")
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from None
        finally:
            connection.close()
        took = round((time.monotonic() - began) * 1000)
        self.trace.add("B2C", "verifyd", f"POST {url.path}", body)
        self.trace.add("verifyd", "B2C", f"{reply.status} {url.path.rpartition('/')[2]}", answer, took)
        return reply.status, answer


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def number(part):
    return int.from_bytes(decode(part), "big")


def is_signed(token, keys):
    """RS256 (RFC 7518 section 3.3; the padding is RFC 8017 section 9.2's)."""
    head, body, signature = token.split(".")
    header = json.loads(decode(head))
    key = next((one for one in keys if one["kid"] == header["kid"]), None)
    if header["alg"] != "RS256" or key is None:
        return False
    modulus = number(key["n"])
    size = (modulus.bit_length() + 7) // 8
    found = pow(number(signature), number(key["e"]), modulus).to_bytes(size, "big")
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(f"{head}.{body}".encode()).digest()
    return found == b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest


def get_json(url):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=CALL_S)
    try:
        connection.request("GET", parts.path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def read_hint(profile, journey):
    """The id_token_hint, checked by the service's own discovery document, as B2C does."""
    token = journey.asked.get("id_token_hint")
    if not token:
        raise Refused("The request has no id_token_hint.")
    try:
        about = get_json(profile.meta["METADATA"])
        good = is_signed(token, get_json(about["jwks_uri"])["keys"])
        claims = json.loads(decode(token.split(".")[1]))
    except (OSError, ValueError, KeyError):
        raise Refused("The id_token_hint cannot be read.") from None
    now = time.time()
    if not good or claims["iss"] != about["issuer"] or claims["aud"] != profile.meta["IdTokenAudience"]:
        raise Refused("The id_token_hint is not verifyd's.")
    if not claims["nbf"] - 300 <= now <= claims["exp"] + 300:
        raise Refused("The id_token_hint is not valid any more.")
    journey.trace.add("browser", "B2C", "id_token_hint: signature, issuer, audience and time are right", claims)
    return claims
