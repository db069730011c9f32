"""A verifier of sealed bundles written from docs/reference/export-bundle.md: `bundle.py FILE.zip VKEY` prints what the bundle shows.

Exits with 1 and one line on stderr where something does not hold.
"""

import base64
import csv
import datetime
import hashlib
import io
import json
import sys
import zipfile

import pyarrow.parquet
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

COLUMNS = (
    "index occurred_at recorded_at action outcome actor_kind actor_id actor_name actor_email device_id device_name target_type target_id "
    "target_name labels policy_id policy_version policy_rule source enforcement clock address user_agent reason words sender_id detail "
    "correlation_id id entry personal"
).split()


class Broken(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Broken(what)


def sha256(data):
    return hashlib.sha256(data).digest()


def open_note(note, vkey):
    """The text of a signed note (c2sp.org/signed-note) that the key has signed."""
    name, key_id, encoded = vkey.split("+", 2)
    kind_and_key = base64.b64decode(encoded)
    need(kind_and_key[0] == 1, "the key is not an Ed25519 key")
    need(sha256(f"{name}\n".encode() + kind_and_key)[:4].hex() == key_id, "the key's id is not its own")
    text, signatures = note[: note.rindex(b"\n\n") + 1], note[note.rindex(b"\n\n") + 2 :].decode()
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        raw = base64.b64decode(signature)
        if dash == "—" and signer == name and raw[:4].hex() == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(kind_and_key[1:]).verify(raw[4:], text)
            except InvalidSignature:
                raise Broken("the signature does not hold") from None
            return text.decode()
    raise Broken(f"{name} did not sign")


def aligned(place):
    return place & -place if place else 1 << 62


def power_up_to(count):
    return 1 << (count.bit_length() - 1)


def root_of(leaves, proof, size):
    """The root that leaves (index, hash) and the multiproof lead to: one stack of (hash, span, begin)."""
    stack, place, taken = [], 0, 0

    def push(found, span):
        nonlocal place
        stack.append((found, span, place))
        place += span
        while len(stack) > 1 and stack[-1][1] == stack[-2][1] and stack[-2][2] % (2 * stack[-1][1]) == 0:
            right, left = stack.pop(), stack.pop()
            stack.append((sha256(b"\1" + left[0] + right[0]), 2 * left[1], left[2]))

    for index, leaf in [*leaves, (size, None)]:
        need(index >= place, "leaves do not ascend")
        while place < index:
            # At the right edge a subtree is taken whole, although it is incomplete.
            span = min(aligned(place), index - place) if leaf is None else power_up_to(min(aligned(place), index - place))
            need(taken + 32 <= len(proof), "the proof is too short")
            push(proof[taken : taken + 32], span)
            taken += 32
        if leaf is not None:
            push(leaf, 1)
    need(taken == len(proof), "the proof is too long")
    need(stack, "the tree is empty")
    root = stack.pop()[0]
    while stack:
        root = sha256(b"\1" + stack.pop()[0] + root)
    return root


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(datetime.timezone.utc)


def written(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def rows_of(name, data):
    """Each event as (index, entry text, personal text or None, {column: value})."""
    if name.endswith(".ndjson"):
        for line in data.decode().splitlines():
            row = json.loads(line)
            canonical = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
            personal = canonical(row["personal"]) if "personal" in row else None
            times = {"occurred_at": row["occurredAt"], "recorded_at": row["recordedAt"]}
            yield row["index"], canonical(row["entry"]), personal, times
    elif name.endswith(".csv"):
        reader = csv.DictReader(io.StringIO(data.decode(), newline=""))
        need(reader.fieldnames == COLUMNS, f"the columns are {reader.fieldnames}")
        for row in reader:
            unescape = lambda text: text.replace("\\u003b", ";") or None
            yield int(row["index"]), unescape(row["entry"]), unescape(row["personal"]), row
    else:
        for row in pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist():
            need(list(row) == COLUMNS, f"the columns are {list(row)}")
            times = {name: written(row[name]) for name in ("occurred_at", "recorded_at")}
            yield row["index"], row["entry"], row["personal"], {**row, **times}


def check_row(index, entry_text, personal_text, columns):
    entry = json.loads(entry_text)
    if personal_text is not None:
        committed = base64.urlsafe_b64encode(sha256(personal_text.encode())).decode().rstrip("=")
        need(entry["personal"]["sha256"] == committed, f"event {index}: personal values are not those committed to")
    need(instant(columns["occurred_at"]) == instant(entry["occurredAt"]), f"event {index}: another time")
    for column, value in (("action", entry["action"]), ("outcome", entry["outcome"]), ("actor_id", entry["actor"]["id"]), ("id", entry["id"])):
        need(columns.get(column, value) == value, f"event {index}: another {column}")
    return sha256(b"\0" + entry_text.encode()), columns["occurred_at"][:10]


def verify(path, vkey):
    bundle = zipfile.ZipFile(path)
    need(bundle.testzip() is None, "a member's checksum does not hold")
    manifest_bytes = bundle.read("manifest.json")
    manifest = json.loads(manifest_bytes)
    seal = open_note(bundle.read("manifest.note"), vkey).split("\n")
    digest = base64.b64encode(sha256(manifest_bytes)).decode()
    need(seal == ["gatehouse.bundle/v1", manifest["origin"], f"manifest.json {digest}", ""], f"the seal says {seal}")
    origin, size, root, *_ = open_note(bundle.read("checkpoint"), vkey).split("\n")
    need(origin == manifest["origin"] and int(size) >= manifest["asOf"], "the checkpoint is another log's or too old")
    listed = {one["name"]: one for one in manifest["files"]}
    need({*listed, "manifest.json", "manifest.note"} == set(bundle.namelist()), "members are missing or surplus")
    raw = bundle.read("leaves")
    leaves = [(int.from_bytes(raw[at : at + 8], "big"), raw[at + 8 : at + 40]) for at in range(0, len(raw), 40)]
    seen, days = 0, {}
    for name, one in listed.items():
        data = bundle.read(name)
        need(len(data) == one["sizeBytes"] and base64.b64encode(sha256(data)).decode() == one["sha256"], f"{name} was altered")
        if not name.startswith("parts/"):
            continue
        for index, entry, personal, columns in rows_of(name, data):
            leaf, day = check_row(index, entry, personal, columns)
            need(leaves[seen] == (index, leaf), f"event {index} is not the leaf of that place")
            days[day] = days.get(day, 0) + 1
            seen += 1
    need(seen == len(leaves) == manifest["events"]["count"] and days == manifest["events"]["days"], "the counts differ")
    need(base64.b64encode(root_of(leaves, bundle.read("proof"), int(size))).decode() == root, "the proof does not lead to the signed root")
    return {"events": seen, "format": manifest["format"], "of": int(size)}


if __name__ == "__main__":
    try:
        print(json.dumps(verify(*sys.argv[1:])))
    except (Broken, zipfile.BadZipFile) as error:
        sys.exit(str(error))
