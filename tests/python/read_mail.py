"""Reads mail with Python's own email package: one JSON list of messages (base64) per line on stdin, one JSON list of
what was read per line on stdout.

Read: {"names": [...], "from"|"to"|"cc"|"reply_to": [[name, address]], "subject", "further": {name: value}, "text", "html",
"files": [[name, type, content id, base64]], "defects": [...]}
"""

import base64
import json
import re
import sys
from email import message_from_bytes
from email.header import decode_header
from email.utils import collapse_rfc2231_value, getaddresses

STRUCTURE = {"message-id", "from", "to", "cc", "reply-to", "subject", "mime-version", "date", "received",
             "content-type", "content-transfer-encoding"}


def decoded(value):
    """RFC 2047."""
    pieces = decode_header(value)
    return "".join(it.decode(charset or "ascii") if isinstance(it, bytes) else it for it, charset in pieces)


def unfolded(value):
    """RFC 5322 2.2.3, and UTF-8 where it stands as it is (RFC 6532)."""
    return re.sub(r"\r?\n(?=[ \t])", "", value).encode("ascii", "surrogateescape").decode("utf-8")


def read(octets):
    message = message_from_bytes(octets)
    fields = [(name.lower(), unfolded(value)) for name, value in message.raw_items()]

    def addresses(name):
        values = [value for of, value in fields if of == name]
        return [[decoded(name), address] for name, address in getaddresses(values)]

    answer = {
        "names": message.keys(),
        "from": addresses("from"),
        "to": addresses("to"),
        "cc": addresses("cc"),
        "reply_to": addresses("reply-to"),
        "subject": decoded(dict(fields)["subject"]),
        "further": {name: decoded(value) for name, value in fields if name not in STRUCTURE},
        "text": None,
        "html": None,
        "files": [],
        "defects": [],
    }
    for part in message.walk():
        answer["defects"] += [type(defect).__name__ for defect in part.defects]
        if part.is_multipart():
            continue
        # As get_filename, which strips it and takes quotes away twice.
        name, kind = part.get_param("filename", header="content-disposition"), part.get_content_type()
        name = collapse_rfc2231_value(name) if isinstance(name, tuple) else name
        content = part.get_payload(decode=True)
        if name is None:
            text = content.decode(part.get_content_charset("us-ascii")).replace("\r\n", "\n")
            answer["text" if kind == "text/plain" else "html"] = text
        else:
            content = base64.b64encode(content).decode("ascii")
            answer["files"].append([name, kind, part["content-id"], content])
    return answer


for line in sys.stdin:
    answers = [read(base64.b64decode(octets)) for octets in json.loads(line)]
    print(json.dumps(answers), flush=True)
