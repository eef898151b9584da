"""Drives pyxero, in an environment of its own: pyxero_driver.py PLAN RESULT."""

import datetime as dt
import json
import os
import sys
from pathlib import Path

import requests
from xero import Xero
from xero.auth import OAuth2Credentials
from xero.exceptions import XeroException

PAGE = 200
JOURNAL = ("ManualJournalID", "Narration", "Date", "Status", "JournalLines")
LINE = ("LineAmount", "AccountCode", "Description", "TaxType")


def signed_in() -> Xero:
    """Get a token of a custom connection, for which the library has no call of its own."""
    env = os.environ
    answer = requests.post(
        env["XERO_TOKEN_URL"],
        data={"grant_type": "client_credentials", "scope": env["XERO_SCOPES"]},
        auth=(env["XERO_CLIENT_ID"], env["XERO_CLIENT_SECRET"]),
        timeout=60,
    )
    answer.raise_for_status()
    credentials = OAuth2Credentials(
        env["XERO_CLIENT_ID"],
        env["XERO_CLIENT_SECRET"],
        token=answer.json(),
        tenant_id=env["XERO_TENANT_ID"],
    )
    # The switch of the library below for an address without TLS, as the sandbox has it.
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    # Xero's address is a constant of the library; its credentials hand it on, and here another one.
    credentials.base_url = env["XERO_BASE_URL"].removesuffix("/api.xro/2.0")
    return Xero(credentials)


def chosen(row: dict, names: tuple[str, ...] | list[str]) -> dict:
    """Return some fields of a row as it came."""
    return {name: row[name] for name in names if name in row}


def shown(journal: dict) -> dict:
    """Return a journal as it came, its lines with what is compared of them."""
    lines = [chosen(one, LINE) for one in journal.get("JournalLines", [])]
    return {**chosen(journal, JOURNAL), "JournalLines": lines}


def pages(read, size: int, **asked) -> list[list[dict]]:
    """Read page after page, up to the first that is short."""
    found: list[list[dict]] = []
    while not found or len(found[-1]) == size:
        found.append(read(page=len(found) + 1, pageSize=size, **asked))
    return [page for page in found if page]


def refused(xero: Xero, journal: dict) -> dict:
    """Try to create a journal: the library writes XML only."""
    sent = {name: value for name, value in journal.items() if name != "Date"}
    try:
        xero.manualjournals.put({**sent, "Date": dt.date.fromisoformat(journal["Date"])})
    except XeroException as error:
        answer = error.response
        return {"status": answer.status_code, "by_sandbox": "x-sandbox-refusal" in answer.headers}
    return {"status": 200, "by_sandbox": False}


def main(plan: dict) -> dict:
    """Do what the plan says, and return what was seen."""
    xero = signed_in()
    (organisation,) = xero.organisations.all()
    journals = xero.manualjournals
    named = journals.filter(Narration="Earlier 3", page=1)
    unpaged = journals.all()
    first = next(one["ManualJournalID"] for one in unpaged if one["Narration"] == "Earlier 1")
    (single,) = journals.get(first)
    history = journals.get_history(first)
    accounts = ("AccountID", "Name", "Type", "Status", "TaxType")
    return {
        "organisation": chosen(organisation, ("OrganisationID", "Name", "BaseCurrency", "CountryCode")),
        "accounts": [{**chosen(one, accounts), "Code": one.get("Code", "")} for one in xero.accounts.all()],
        "categories": {
            one["Name"]: [option["Name"] for option in one["Options"]]
            for one in xero.trackingcategories.all()
        },
        "refusal": refused(xero, plan["good"][0]),
        "pages": [[shown(one) for one in page] for page in pages(journals.filter, plan["page_size"])],
        "unpaged": [shown(one) for one in unpaged],
        "since": [shown(one) for one in journals.filter(since=dt.datetime.fromisoformat(plan["since"]))],
        "named": [shown(one) for one in named],
        "single": shown(single),
        "history": [one["Changes"] for one in history["HistoryRecords"]],
        "lists": {
            name: [
                chosen(row, fields)
                for page in pages(getattr(xero, name.lower()).filter, PAGE)
                for row in page
            ]
            for name, fields in plan["lists"].items()
        },
    }


if __name__ == "__main__":
    result = main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(result, default=str), encoding="utf-8")
