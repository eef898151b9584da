"""Drives the extractor tap-mambu, in an environment of its own: tap_mambu_driver.py PLAN RESULT."""

import contextlib
import io
import json
import os
import sys
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

import tap_mambu


class Client(tap_mambu.MambuClient):
    """The extractor's own client, which leads to https://SUBDOMAIN.mambu.com and has no setting for that."""

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)
        self.base_url = os.environ["MAMBU_BASE_URL"]


def run(*arguments: str) -> str:
    """Run the extractor's command, and return what it has written."""
    written = io.StringIO()
    sys.argv = ["tap-mambu", *arguments]
    with contextlib.redirect_stdout(written):
        tap_mambu.main()
    return written.getvalue()


def main(plan: dict) -> dict:
    """Sync streams from a date on, with a catalog that the extractor made; return the records by stream."""
    tap_mambu.MambuClient = Client
    with TemporaryDirectory() as name:
        settings, catalog = Path(name) / "config.json", Path(name) / "catalog.json"
        config = {
            "apikey": os.environ["MAMBU_API_KEY"],
            "subdomain": "sandbox",
            "start_date": plan["start"],
            "user_agent": "daybook",
        }
        settings.write_text(json.dumps(config), encoding="utf-8")
        found = json.loads(run("--config", str(settings), "--discover"))
        for stream in found["streams"]:
            for row in stream["metadata"]:
                if not row["breadcrumb"]:
                    row["metadata"]["selected"] = stream["tap_stream_id"] in plan["streams"]
        catalog.write_text(json.dumps(found), encoding="utf-8")
        messages = run("--config", str(settings), "--catalog", str(catalog))
    records: dict[str, list[dict]] = {}
    for message in map(json.loads, messages.splitlines()):
        if message["type"] == "RECORD":
            records.setdefault(message["stream"], []).append(message["record"])
    return {"records": records}


if __name__ == "__main__":
    try:
        result = main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    except BaseException:  # noqa: BLE001 - whatever it is, the process must end
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # its thread would wait forever for somebody to take what it has read
    # The extractor has put its own words into sys.argv; the result's place is the second of ours.
    Path(sys.orig_argv[-1]).write_text(json.dumps(result), encoding="utf-8")
