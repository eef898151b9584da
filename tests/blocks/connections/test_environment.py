"""A connection out of environment variables."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blocks.__main__ import main
from blocks.connections.environment import connections, env_file, journal_connection, payment_connection
from blocks.errors import UsageError
from blocks.xero.client import PAYMENT_SCOPES
from tests.helpers.command import exit_code
from tests.helpers.ln_client import IONAPI, PATH

CANARY = "CANARY-value"
WHOLE = {
    "MAMBU_BASE_URL": "https://acme.mambu.com/api",
    "MAMBU_API_KEY": CANARY,
    "XERO_CLIENT_ID": "client",
    "XERO_CLIENT_SECRET": CANARY,
}


def refusal(
    environment: dict[str, str], make: Callable[[Mapping[str, str]], object] = journal_connection
) -> list[str]:
    """Return the problems that are named, one a line, after checking that no value is among them."""
    with pytest.raises(UsageError) as raised:
        make(environment)
    assert "CANARY" not in f"{raised.value}{raised.value!r}{raised.value.__cause__!r}"
    first, *rest = str(raised.value).splitlines()
    assert first.endswith(":")
    return [line.removeprefix("  - ") for line in rest]


def test_what_is_not_given_has_its_default() -> None:
    """The four variables that are needed make a connection with Xero's own addresses and no policy."""
    made = journal_connection(WHOLE)
    assert made.mambu.base_url == "https://acme.mambu.com/api"
    assert made.mambu.api_key is not None
    assert made.mambu.api_key.get_secret_value() == CANARY
    assert made.xero.base_url == "https://api.xero.com/api.xro/2.0"
    assert made.store.url is None
    assert made.label is None
    assert made.mambu_offsets == "zone"


def test_every_variable_reaches_its_field() -> None:
    """Each variable ends in the field that it is meant for."""
    made = journal_connection(
        {
            "MAMBU_BASE_URL": " https://acme.mambu.com/api/ ",
            "MAMBU_USERNAME": "ann",
            "MAMBU_PASSWORD": "pw",
            "XERO_BASE_URL": "http://127.0.0.1:1/api.xro/2.0",
            "XERO_TOKEN_URL": "http://127.0.0.1:1/connect/token",
            "XERO_CLIENT_ID": "client",
            "XERO_CLIENT_SECRET": "secret",
            "XERO_TENANT_ID": "tenant",
            "XERO_SCOPES": "a b",
            "DAYBOOK_STORE_URL": "postgresql://u:p@h/d",
            "DAYBOOK_TIMEZONE": "Europe/Paris",
            "DAYBOOK_MAMBU_OFFSETS": "utc",
            "DAYBOOK_ASSIGNED_USER_KEY": "user",
            "DAYBOOK_LABEL": "acme-uk",
            "DAYBOOK_ACCOUNT_MAP": '{"LOANS": "1100"}',
        }
    )
    assert made.mambu.base_url == "https://acme.mambu.com/api"
    assert made.mambu.username == "ann"
    assert made.mambu.password is not None
    assert made.mambu.password.get_secret_value() == "pw"
    assert made.xero.base_url == "http://127.0.0.1:1/api.xro/2.0"
    assert made.xero.token_url == "http://127.0.0.1:1/connect/token"
    assert made.xero.client_secret.get_secret_value() == "secret"
    assert (made.xero.client_id, made.xero.tenant_id, made.xero.scopes) == ("client", "tenant", "a b")
    assert made.store.url is not None
    assert made.store.url.get_secret_value() == "postgresql://u:p@h/d"
    assert (made.time_zone, made.assigned_user_key, made.label) == ("Europe/Paris", "user", "acme-uk")
    assert made.mambu_offsets == "utc"
    assert made.account_map == {"LOANS": "1100"}


def test_all_that_is_missing_is_named_at_once() -> None:
    """An empty environment leads to one message with each variable that is needed, once."""
    assert refusal({"MAMBU_API_KEY": "  "}) == [
        "MAMBU_BASE_URL is missing",
        "XERO_CLIENT_ID is missing",
        "XERO_CLIENT_SECRET is missing",
        "MAMBU_API_KEY is missing, or MAMBU_USERNAME and MAMBU_PASSWORD in its place",
    ]


@pytest.mark.parametrize("missing", sorted(WHOLE))
def test_each_that_is_missing_is_named_alone(missing: str) -> None:
    """Where one variable is missing, exactly that one is named."""
    (problem,) = refusal({name: value for name, value in WHOLE.items() if name != missing})
    assert problem.startswith(f"{missing} is missing")


def named_in(problems: list[str]) -> str:
    """Return the variables that problems begin with, in their order."""
    return " ".join(problem.split(":")[0].split(" ")[0] for problem in problems)


def test_all_that_is_malformed_is_named_with_it() -> None:
    """Malformed variables are named by variable, in the same message as missing ones, without values."""
    problems = refusal(
        {
            "MAMBU_BASE_URL": f"http://ann:{CANARY}@acme.mambu.com",
            "MAMBU_API_KEY": CANARY,
            "MAMBU_PASSWORD": CANARY,
            "XERO_CLIENT_ID": "client",
            "XERO_BASE_URL": f"ftp://{CANARY}",
            "XERO_TOKEN_URL": f"https://x/?{CANARY}",
            "DAYBOOK_TIMEZONE": "Europe",
            "DAYBOOK_MAMBU_OFFSETS": CANARY,
            "DAYBOOK_LABEL": f"{CANARY} {CANARY}",
            "DAYBOOK_ACCOUNT_MAP": f'{{"{CANARY}": 1}}',
        }
    )
    assert named_in(problems) == (
        "XERO_CLIENT_SECRET MAMBU_BASE_URL XERO_BASE_URL XERO_TOKEN_URL DAYBOOK_TIMEZONE "
        "DAYBOOK_MAMBU_OFFSETS DAYBOOK_LABEL DAYBOOK_ACCOUNT_MAP MAMBU_API_KEY"
    )


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "connection.env"
    path.write_bytes(content)
    return path


def test_a_file_of_variables(tmp_path: Path) -> None:
    """Blank lines, comments, quotes, blanks, `export` and a byte order mark are understood."""
    content = (
        b"\xef\xbb\xbfA=1\n\n# note\n B = two words \nexport C='x=y'\nD='# ${HOME} $HOME \\n'\nE=\n"
        b"F=\"it's\"\nG=a'b\r\nH=a#b\\n${HOME}\n"
    )
    assert env_file(written(tmp_path, content)) == {
        "A": "1",
        "B": "two words",
        "C": "x=y",
        "D": "# ${HOME} $HOME \\n",
        "E": "",
        "F": "it's",
        "G": "a'b",
        "H": "a#b\\n${HOME}",
    }


def test_odd_lines_are_named_by_number(tmp_path: Path) -> None:
    """Lines that are not NAME=value are named by their numbers, blank ones counted, and not shown."""
    path = written(tmp_path, f"A=1\n\n{CANARY}\n=2\nno name={CANARY}\nA.B=1\n".encode())
    with pytest.raises(UsageError, match="not NAME=value: 3, 4, 5, 6") as raised:
        env_file(path)
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    "value",
    [
        f"{CANARY} # b",
        f"'{CANARY}' # b",
        f'"{CANARY}\\n"',
        rf"'{CANARY}\\b'",
        f"'{CANARY}",
        f'"{CANARY}"b"',
    ],
)
def test_a_value_that_is_not_read_as_it_stands_is_refused(value: str, tmp_path: Path) -> None:
    """A value that would lose a comment, a backslash or a quote is refused by its line, and not shown."""
    with pytest.raises(UsageError, match=r"not NAME=value: 2\. .* stands in single quotes") as raised:
        env_file(written(tmp_path, f"A=1\nB={value}\nC='c'\n".encode()))
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize("content", [None, b"A=\xff"])
def test_a_file_that_cannot_be_read(content: bytes | None, tmp_path: Path) -> None:
    """A file that is missing or no text is a UsageError that names the file."""
    path = tmp_path / "none.env" if content is None else written(tmp_path, content)
    with pytest.raises(UsageError, match="cannot be read") as raised:
        env_file(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("name", "said"), [("Acme UK", "small letters"), ("acme", "MAMBU_BASE_URL is missing")]
)
def test_the_command_ends_with_2_and_no_traceback(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`save` with a wrong name or nothing to save prints the sentence alone and ends with 2."""
    for variable in [one for one in os.environ if one.startswith(("MAMBU_", "XERO_", "DAYBOOK_"))]:
        monkeypatch.delenv(variable)
    code = exit_code(main, "python -m blocks", "save", name)
    out, errors = capsys.readouterr()
    assert (code, out) == (2, "")
    assert said in errors
    assert "Traceback" not in errors


# --- Payments -----------------------------------------------------------------------------------


@pytest.fixture
def paying(tmp_path: Path) -> dict[str, str]:
    """Return the variables that make a payment connection, and no other."""
    file = tmp_path / "daybook.ionapi"
    file.write_text(json.dumps(IONAPI))
    return {
        "XERO_CLIENT_ID": "client",
        "XERO_CLIENT_SECRET": CANARY,
        "INFOR_LN_IONAPI_FILE": str(file),
        "INFOR_LN_PATH": PATH,
        "INFOR_LN_COMPANY": "303",
    }


def test_infors_variables_make_a_payment_connection(paying: dict[str, str]) -> None:
    """Infor's variables without Mambu's make a payment connection alone, with the scopes for reading."""
    made = connections(paying)
    assert made.journals is None
    assert made.payments is not None
    assert made.payments == payment_connection(paying)
    assert (made.payments.ln.tenant, made.payments.ln.company, made.payments.ln.path) == (
        "ACME_TST",
        303,
        PATH,
    )
    assert made.payments.ln.client_secret.get_secret_value() == IONAPI["cs"]
    assert made.payments.xero.scopes == " ".join(PAYMENT_SCOPES)
    assert (made.payments.mambu, made.payments.start, made.payments.store.url) == (None, None, None)


def test_every_variable_of_payments_reaches_its_field(paying: dict[str, str]) -> None:
    """Each further variable ends in the field that it is meant for."""
    made = payment_connection(
        {
            **paying,
            "XERO_SCOPES": "a b",
            "DAYBOOK_STORE_URL": "sqlite:///x",
            "DAYBOOK_PAYMENTS_START": "2026-11-01T00:00:00+01:00",
            "DAYBOOK_ASSIGNED_USER_KEY": "user",
        }
    )
    assert made.start == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert (made.xero.scopes, made.assigned_user_key) == ("a b", "user")
    assert made.store.url is not None


def test_mambus_and_infors_variables_make_both(paying: dict[str, str]) -> None:
    """With both systems' variables both connections are made, and the payments' people are told in Mambu."""
    made = connections({**WHOLE, **paying})
    assert made.journals == journal_connection(WHOLE)
    assert made.payments is not None
    assert made.payments.mambu == made.journals.mambu
    assert made.journals.xero.scopes != made.payments.xero.scopes
    assert connections(WHOLE).payments is None


@pytest.mark.parametrize(
    "missing", ["XERO_CLIENT_ID", "INFOR_LN_IONAPI_FILE", "INFOR_LN_PATH", "INFOR_LN_COMPANY"]
)
def test_what_payments_lack_is_named(missing: str, paying: dict[str, str]) -> None:
    """A variable that a payment connection lacks is named, alone."""
    del paying[missing]
    assert refusal(paying, connections) == [f"{missing} is missing"]


def test_the_problems_of_both_connections_are_one_list(paying: dict[str, str]) -> None:
    """What is wrong for either connection is told in one message, what both share once."""
    wrong = {
        **paying,
        "MAMBU_API_KEY": CANARY,
        "XERO_CLIENT_SECRET": "",
        "INFOR_LN_PATH": "https://elsewhere",
        "INFOR_LN_COMPANY": CANARY,
        "DAYBOOK_PAYMENTS_START": "2026-11-01T00:00:00",
        "DAYBOOK_LABEL": "a b",
    }
    problems = refusal(wrong, connections)
    assert named_in(problems) == (
        "MAMBU_BASE_URL XERO_CLIENT_SECRET DAYBOOK_LABEL INFOR_LN_COMPANY INFOR_LN_PATH "
        "DAYBOOK_PAYMENTS_START"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{", "not a JSON object"),
        (json.dumps({**IONAPI, "cs": "", "sask": ""}), "lacks cs, sask"),
        (json.dumps({**IONAPI, "iu": f"ftp://{CANARY}"}), "INFOR_LN_IONAPI_FILE, iu: must be"),
    ],
)
def test_what_is_wrong_with_the_file_is_named(content: str | None, said: str, paying: dict[str, str]) -> None:
    """A file that is missing, no .ionapi file, or wrong in a key leads to one line without a value of it."""
    file = Path(paying["INFOR_LN_IONAPI_FILE"])
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    (problem,) = refusal(paying, connections)
    assert problem.startswith("INFOR_LN_IONAPI_FILE")
    assert said in problem


@pytest.mark.parametrize(("given", "minutes"), [({}, 15), ({"DAYBOOK_PATIENCE_MINUTES": "90"}, 90)])
def test_patience_is_both_connections(given: dict[str, str], minutes: int, paying: dict[str, str]) -> None:
    """How long a run waits for a system is 15 minutes, or what the variable says, with both connections."""
    made = connections({**WHOLE, **paying, **given})
    assert made.journals is not None
    assert made.payments is not None
    assert (made.journals.patience_minutes, made.payments.patience_minutes) == (minutes, minutes)


@pytest.mark.parametrize("wrong", ["-1", "1441", "soon", "1.5"])
def test_patience_is_whole_minutes_of_a_day(wrong: str) -> None:
    """What is no number of minutes, or more than a day, is refused by the variable's name."""
    (problem,) = refusal({**WHOLE, "DAYBOOK_PATIENCE_MINUTES": wrong})
    assert problem.startswith("DAYBOOK_PATIENCE_MINUTES: ")
