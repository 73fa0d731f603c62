"""Verifies DKIM signatures with dkimpy: one JSON request per line on stdin, one JSON answer per line on stdout.

Request: {"message": base64, "records": {"selector._domainkey.domain": "v=DKIM1; ..."}}
Answer:  {"signatures": [{"domain", "selector", "algorithm", "headers": [...], "is_valid", "trouble"}]}, top to bottom.
"""

import base64
import json
import sys

import dkim
from dkim.util import parse_tag_value


def verify(message, records):
    def look_up(name, timeout=5):
        return records.get(name.decode("ascii").rstrip("."), "").encode("ascii")

    verifier = dkim.DKIM(message)
    fields = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    answers = []
    for index, field in enumerate(fields):
        tags = {name.decode(): value.decode() for name, value in parse_tag_value(field).items()}
        trouble = None
        try:
            is_valid = verifier.verify(idx=index, dnsfunc=look_up)
        except dkim.DKIMException as exception:
            is_valid, trouble = False, str(exception)
        answers.append(
            {
                "domain": tags["d"],
                "selector": tags["s"],
                "algorithm": tags["a"],
                "headers": "".join(tags["h"].split()).lower().split(":"),
                "is_valid": is_valid,
                "trouble": trouble,
            }
        )
    return {"signatures": answers}


for line in sys.stdin:
    request = json.loads(line)
    answer = verify(base64.b64decode(request["message"]), request["records"])
    print(json.dumps(answer), flush=True)
