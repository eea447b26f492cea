"""The command group: which commands exist, and how every failure of any of them is told.

Commands are imported only when called, so that `perusal verify` on an outsider's machine loads no web
framework. Every failure ends as one sentence with a stable code and a documented exit code; a traceback, and
with it perhaps somebody's data, is never printed.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

import click

from api.cli.failures import Exit, Failure, from_exception
from api.cli.plain import plain

COMMANDS = {
    "alarms": "api.cli.alarms",
    "canaries": "api.cli.canaries",
    "check-leak": "api.cli.check_leak",
    "demo": "api.cli.demo",
    "doctor": "api.cli.doctor",
    "dump": "api.cli.dump",
    "emergency": "api.cli.emergency",
    "enrol": "api.cli.enrol",
    "erase": "api.cli.erase",
    "events": "api.cli.events",
    "fields": "api.cli.fields",
    "grant": "api.cli.grant",
    "index": "api.cli.index",
    "init": "api.cli.init",
    "keys": "api.cli.keys",
    "leaks": "api.cli.leaks",
    "ledger": "api.cli.ledger",
    "linkage": "api.cli.linkage",
    "marks": "api.cli.marks",
    "monitor": "api.cli.monitor",
    "person": "api.cli.person",
    "receipts": "api.cli.receipts",
    "recipient": "api.cli.recipient",
    "roles": "api.cli.roles",
    "scan": "api.cli.scan",
    "serve": "api.cli.serve",
    "staff": "api.cli.staff",
    "tenant": "api.cli.tenant",
    "trace": "api.cli.trace",
    "verify": "api.cli.verify",
    "witness": "api.cli.witness",
}


class Commands(click.Group):
    """The commands by name, each in a module of its own with an attribute `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the signature is click's
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="perusal", message="%(prog)s %(version)s")
def perusal() -> None:
    """One use, one authorisation: consent, vault, ledger, and the tracing of leaks.

    Exit codes: 0 done; 1 something was found wrong or was refused; 2 the command was not understood; 3 the
    installation or this machine is not ready. Every command takes --json. Secrets are read from files or from
    standard input, never from the command line.
    """


def main(args: list[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    sys.exit(run(sys.argv[1:] if args is None else args))


def run(args: list[str]) -> int:
    """Run one command; returns its exit code. `--json` anywhere makes failures machine-readable too."""
    # Whatever a command writes is for its owner only, whoever's umask it was started under.
    umask = os.umask(0o077)
    try:
        result: Any = perusal.main(args=args, prog_name="perusal", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.UsageError as wrong:
        return _tell(Failure(wrong.format_message(), code="usage", exit_code=Exit.USAGE), args)
    except (click.Abort, KeyboardInterrupt):
        return _tell(Failure("stopped", code="stopped", exit_code=Exit.WRONG), args)
    except BrokenPipeError:
        return Exit.OK  # the reader of our output has seen enough
    except Exception as error:  # noqa: BLE001 - the last line of defence: nothing may print a traceback
        return _tell(from_exception(error), args)
    finally:
        os.umask(umask)
    return result if isinstance(result, int) else Exit.OK


def _tell(failure: Failure, args: list[str]) -> int:
    if "--json" in args:
        body = {"error": {"code": failure.code, "message": failure.message}}
        click.echo(plain(json.dumps(body, ensure_ascii=False)))
    else:
        click.echo(f"perusal: {plain(failure.message)} [{failure.code}]", err=True)
    return failure.exit_code
