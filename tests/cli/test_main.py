"""Every command says what went wrong in one sentence with a code, and leaves with a documented exit code."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from api.cli.failures import Exit, Failure, from_exception
from api.cli.main import COMMANDS
from api.cli.main import perusal as group
from vault.errors import MalformedId

SECRET = "13800138000"


def test_every_command_can_be_listed_and_explains_itself(perusal):
    listing = perusal("--help")

    assert listing.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in listing.out
        assert perusal(name, "--help").code == 0


def test_every_command_takes_json():
    context = click.Context(group)

    def leaves(command):
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                yield from leaves(command.get_command(context, name))
        else:
            yield command

    for name in COMMANDS:
        for command in leaves(group.get_command(context, name)):
            assert any("--json" in option.opts for option in command.params), command.name


def test_no_option_takes_a_secret_as_its_value():
    context = click.Context(group)

    for name in COMMANDS:
        for option in group.get_command(context, name).params:
            said = " ".join(option.opts)
            if any(word in said for word in ("passphrase", "key", "token", "secret")):
                assert isinstance(option.type, click.Path) or "url" in said, said


@pytest.mark.parametrize("arguments", [["nothing-of-the-kind"], ["verify"], ["doctor", "--what"]])
def test_a_command_that_is_not_understood_ends_with_2(perusal, arguments):
    said = perusal(*arguments)

    assert said.code == Exit.USAGE
    assert said.err.startswith("perusal: ")
    assert "[usage]" in said.err


def test_json_makes_failures_machine_readable(perusal):
    said = perusal("doctor", "--what", "--json")

    assert said.code == Exit.USAGE
    assert said.json["error"]["code"] == "usage"
    assert said.err == ""


@pytest.mark.parametrize(
    "command", ["serve", "trace x.csv", "ledger fsck", "staff add --actor a --role auditor --key-out k"]
)
def test_without_an_installation_a_command_says_what_to_do(perusal, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")

    said = perusal(*command.split())

    assert said.code == Exit.ENVIRONMENT
    assert "perusal init --dir" in said.err
    assert "[no_installation]" in said.err


def test_an_unforeseen_error_tells_kind_and_place_but_not_its_text():
    with pytest.raises(KeyError) as caught:
        {}[SECRET]

    failure = from_exception(caught.value)

    assert failure.code == "internal_error"
    assert "KeyError at test_main.py" in failure.message
    assert SECRET not in failure.message


def test_a_data_base_error_never_shows_its_statement():
    for kind in (OperationalError, IntegrityError):
        failure = from_exception(kind(f"SELECT {SECRET}", {"phone": SECRET}, Exception(SECRET)))

        assert failure.exit_code == Exit.ENVIRONMENT
        assert SECRET not in failure.message


def test_a_missing_table_is_told_as_an_older_schema():
    failure = from_exception(OperationalError("SELECT", {}, Exception("no such table: claim")))

    assert failure.code == "schema_outdated"
    assert "perusal doctor --migrate" in failure.message


def test_the_errors_of_the_floors_keep_their_code_and_text():
    failure = from_exception(MalformedId("not an id of this kind"))

    assert (failure.code, failure.message, failure.exit_code) == (
        "malformed_id",
        "not an id of this kind",
        Exit.WRONG,
    )


def test_a_missing_file_is_named_without_its_folder(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "gone.txt").read_text()

    failure = from_exception(caught.value)

    assert failure.message == "gone.txt: no such file or directory"
    assert failure.exit_code == Exit.ENVIRONMENT


def test_a_failure_passes_unchanged():
    failure = Failure("no", code="x")

    assert from_exception(failure) is failure


def test_the_module_runs_as_a_program_and_shows_its_version():
    done = subprocess.run(
        [sys.executable, "-m", "api", "--version"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0
    assert done.stdout.startswith("perusal ")


def test_verifying_loads_neither_web_framework_nor_server():
    program = (
        "import sys; from api.cli.main import run; run(['verify', '--help']); print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "'litestar'" not in done.stdout
    assert "'uvicorn'" not in done.stdout
