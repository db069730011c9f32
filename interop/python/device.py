"""A device written from the contract alone: it enrols, proves each request by DPoP, reads policy, files and commands, and signs receipts.

Each act is a command: `device.py DIR enroll URL CA CODE` · `policy` · `events N` · `open FILE` · `obey`. The state lies in DIR; what it found
is printed as JSON. Exits with 1 and one line on stderr where the server or a signature is not as it should be.
"""

import base64
import datetime
import hashlib
import json
import pathlib
import secrets
import sys
import time
import uuid

import requests
from jwcrypto import jwe, jwk, jws

class Refused(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Refused(what)


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def signed(key, header, payload):
    token = jws.JWS(json.dumps(payload))
    token.add_signature(key, "ES256", json.dumps({"alg": "ES256", **header}))
    return token.serialize(compact=True)


class Device:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.session = requests.Session()
        # A bundle of authorities named in the environment would come before our own.
        self.session.trust_env = False

    def save(self, state):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "state.json").write_text(json.dumps(state))
        return self.load()

    def load(self):
        self.state = json.loads((self.folder / "state.json").read_text())
        self.sign_key = jwk.JWK(**self.state["sign"])
        self.seal_key = jwk.JWK(**self.state["seal"])
        self.session.verify = self.state["ca"]
        return self

    def proof(self, method, url, nonce=None):
        claims = {"jti": b64u(secrets.token_bytes(16)), "htm": method, "htu": url.split("?")[0], "iat": int(time.time())}
        token = self.state.get("token")
        if token:
            claims["ath"] = b64u(hashlib.sha256(token.encode()).digest())
        if nonce:
            claims["nonce"] = nonce
        return signed(self.sign_key, {"typ": "dpop+jwt", "jwk": self.sign_key.export_public(as_dict=True)}, claims)

    def ask(self, method, path, nonce=None, headers=None, **more):
        url = self.state["url"] + "/device/v1" + path
        sent = {"dpop": self.proof(method, url, nonce), **(headers or {})}
        if "token" in self.state:
            sent["authorization"] = "DPoP " + self.state["token"]
        answer = self.session.request(method, url, headers=sent, timeout=30, **more)
        if answer.status_code == 401 and nonce is None and "dpop-nonce" in answer.headers:
            return self.ask(method, path, nonce=answer.headers["dpop-nonce"], headers=headers, **more)
        need(answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def by_server(self, token, typ):
        """The payload of a JWS that a key of the organisation signed, told by its kid."""
        read = jws.JWS()
        read.deserialize(token)
        header = read.jose_header
        need(header.get("typ") == typ and header.get("alg") == "ES256", f"the header is {header}")
        keys = [key for key in self.state["serverKeys"]["keys"] if key["kid"] == header.get("kid")]
        need(len(keys) == 1, f"no key has the kid {header.get('kid')}")
        key = jwk.JWK(**keys[0])
        need(key.thumbprint() == keys[0]["kid"], "the kid is not the key's RFC 7638 thumbprint")
        read.verify(key)
        return json.loads(read.payload)


def enroll(device, url, ca, code):
    pair = lambda: jwk.JWK.generate(kty="EC", crv="P-256").export(as_dict=True)
    device.save({"url": url, "ca": ca, "sign": pair(), "seal": pair(), "seq": 0})
    public = lambda key: {name: key[name] for name in ("kty", "crv", "x", "y")}
    body = {
        "code": code,
        "keys": {"sign": public(device.state["sign"]), "seal": public(device.state["seal"])},
        "facts": {"name": "Interop phone", "platform": "linux", "osVersion": "1", "appVersion": "9.9.9"},
    }
    answer = device.ask("POST", "/enroll", json=body)
    need(answer.status_code == 201, f"enrolling answered {answer.status_code}")
    device.save({**device.state, **answer.json()})
    return {"deviceId": device.state["deviceId"], "status": device.state["status"], "thumbprint": device.sign_key.thumbprint()}


def policy(device):
    bundle = device.by_server(device.ask("GET", "/policy").text.strip(), "gatehouse-policy+jws")
    need(bundle["tenantId"] == device.state["tenantId"], "the policy is another organisation's")
    return {"version": bundle["version"]}


def events(device, count):
    first = device.state["seq"] + 1
    lines = [
        {"seq": first + n, "id": str(uuid.uuid4()), "at": now(), "action": "screenshot.attempt", "outcome": "allowed",
         "enforcement": "detected", "target": {"type": "file", "id": str(uuid.uuid4()), "name": "合并.pdf"}, "labels": ["confidential"]}
        for n in range(int(count))
    ]
    body = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
    headers = {"content-type": "application/x-ndjson"}
    answer = device.ask("POST", "/events", data=body, headers=headers).json()
    again = device.ask("POST", "/events", data=body, headers=headers).json()
    need(answer["acceptedThrough"] == first + int(count) - 1 and not answer["rejected"], f"answered {answer}")
    need(again["duplicates"] == int(count), f"sent again: {again}")
    device.save({**device.state, "seq": answer["acceptedThrough"]})
    return answer


def open_file(device, file_id):
    listed = [item for item in device.ask("GET", "/files").json()["items"] if item["id"] == file_id]
    need(len(listed) == 1, "the file is not in the list")
    sealed = jwe.JWE()
    sealed.deserialize(device.ask("GET", "/files/" + file_id).text.strip())
    header = sealed.jose_header
    for name in ("tenantId", "deviceId", "enrollmentId"):
        need(header[name] == device.state[name], f"sealed for another {name}")
    need(header["fileId"] == file_id and header["typ"] == "gatehouse-file+jwe", f"the header is {header}")
    sealed.decrypt(device.seal_key)
    return {"name": listed[0]["name"], "sha256": hashlib.sha256(sealed.payload).hexdigest(), "bytes": len(sealed.payload)}


def obey(device):
    """Waits for one command, checks that it is for this enrolment, does it and answers with a signed receipt."""
    end = time.time() + 90
    while time.time() < end:
        items = device.ask("GET", "/commands?wait=20", headers={"accept": "application/json"}).json()["items"]
        if items:
            break
    need(items, "no command came")
    command = device.by_server(items[0], "gatehouse-command+jws")
    for name in ("tenantId", "deviceId", "enrollmentId"):
        need(command[name] == device.state[name], f"a command for another {name}")
    need(command["expiresAt"] > now(), "the command has expired")
    results = {"wipe": "erased", "lock": "locked", "refresh-policy": "refreshed"}
    receipt = {
        "commandId": command["id"], "deviceId": device.state["deviceId"], "nonce": command["nonce"],
        "result": results[command["type"]], "erased": {"files": 1 if command["type"] == "wipe" else 0, "bytes": 0}, "at": now(),
        **({"scope": command["args"]["scope"]} if command["type"] == "wipe" else {}),
    }
    header = {"typ": "gatehouse-receipt+jws", "kid": device.sign_key.thumbprint()}
    body = signed(device.sign_key, header, receipt)
    device.ask("POST", f"/commands/{command['id']}/receipt", data=body, headers={"content-type": "application/jose"})
    return {"type": command["type"], "commandId": command["id"]}


ACTS = {"enroll": enroll, "policy": policy, "events": events, "open": open_file, "obey": obey}

if __name__ == "__main__":
    folder, act, *rest = sys.argv[1:]
    try:
        device = Device(folder)
        print(json.dumps(ACTS[act](device if act == "enroll" else device.load(), *rest)))
    except Refused as error:
        sys.exit(str(error))
