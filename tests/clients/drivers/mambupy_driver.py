"""Drives the library MambuPy, in an environment of its own: mambupy_driver.py PLAN RESULT."""

import json
import os
import sys
from pathlib import Path

import requests

PLAN, RESULT = (Path(argument) for argument in sys.argv[1:])
plan = json.loads(PLAN.read_text(encoding="utf-8"))
HOST = "sandbox.invalid"
os.environ |= {
    "MAMBUPY_APIURL": HOST,
    "MAMBUPY_APIUSER": plan["username"],
    "MAMBUPY_APIPWD": plan["password"],
}

_request = requests.Session.request


def _to_the_sandbox(session: requests.Session, method: str, url: str, **more: object) -> requests.Response:
    return _request(session, method, url.replace(f"https://{HOST}/api", os.environ["MAMBU_BASE_URL"]), **more)


# The library takes a host and always says https: what it asks is led here on its way out.
requests.Session.request = _to_the_sandbox


def criterion(operator: str, value: str) -> dict:
    """Return a filter by creation date."""
    return {"field": "creationDate", "operator": operator, "value": value}


def main() -> dict:
    """Do what the plan says, and return what was seen."""
    # Imported only now: the library reads its settings then.
    from MambuPy.api.connector.rest import MambuConnectorREST
    from MambuPy.api.mambubranch import MambuBranch
    from MambuPy.api.mambutask import MambuTask
    from MambuPy.api.mambuuser import MambuUser
    from MambuPy.mambuutil import MambuError

    connector = MambuConnectorREST()
    lines = connector.mambu_search(
        "gljournalentries",
        filterCriteria=[criterion("AFTER", plan["start"]), criterion("BEFORE", plan["end"])],
        sortingCriteria={"field": "entryId", "order": "ASC"},
        detailsLevel="FULL",
    )
    try:
        connector.mambu_search(
            "gljournalentries", filterCriteria=[{"field": "none", "operator": "EQUALS", "value": "1"}]
        )
        error = ""
    except MambuError as refusal:
        error = str(refusal)
    task = MambuTask(**plan["task"])
    task.create()
    seen = MambuTask.get(str(task["id"]))
    title = seen["title"]
    # Its other way, a whole task sent back, words dates as 2026-11-20T12:00:00UTC.
    seen["title"] = f"{title}!"
    seen["status"] = "COMPLETED"
    seen.patch(["title", "status"])
    done = MambuTask.get(str(task["id"]))
    return {
        "lines": json.loads(lines, parse_float=str),
        "branches": [dict(one._attrs) for one in MambuBranch.get_all()],
        "users": [dict(one._attrs) for one in MambuUser.get_all()],
        "task": {"id": task["id"], "title": title, "changed": done["title"], "status": done["status"]},
        "open": [one["title"] for one in MambuTask.get_all(filters={"status": "OPEN"})],
        "error": error,
    }


if __name__ == "__main__":
    RESULT.write_text(json.dumps(main(), default=str), encoding="utf-8")
