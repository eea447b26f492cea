"""`perusal scan`: hold one field of everybody against digests that no tag covers, once two others have agreed.

Asked for and approved through the server (`POST /v1/emergencies` with `scan`), run here by whoever asked, under
their own key: it takes minutes and may be broken off; the same command goes on with it for a day. The digests
stay in a file, one a line, and whoever is found has it in their own history.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, private_file, read_secret, settings_of
from api.cli.output import emit, json_option, progress
from api.clock import system_clock
from api.edge.problems import Problem, problem_body
from api.i18n import Lang
from api.sealing.opening import opened_vault
from api.staff.emergencies import denied_problem
from api.staff.keys import find_staff
from consent.denials import Denied
from consent.ids import parse_dual
from consent.staff.scanning import run_scan
from consent.staff_members import Staffer
from vault.ids import encode_id
from vault.opening import Vault
from vault.reading.records import count_people
from vault.scan.permit import salts_hash, wanted_hash
from vault.scan.running import ScanProgress
from vault.tags import hashed

_file = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group("scan")
def command() -> None:
    """A search through everybody for unknown or salted digests, under dual control."""


@command.command("digests")
@dir_option
@click.argument("file", type=_file)
@click.option("--salts", type=_file, help="One salt a line in hex, for schemes with a salt.")
@json_option
def digests(home: Path | None, file: Path, salts: Path | None, as_json: bool) -> None:
    """Print what a request names the digests in FILE and their salts by: the others approve exactly these.

    The hashes are made under this installation's scan key and mean nothing anywhere else.
    """
    wanted, under = _digests(file), _salts(salts)
    with opened_vault(settings_of(home)) as vault:
        said = {
            "wanted": wanted_hash(vault.keyring, wanted).hex(),
            "wanted_count": len(wanted),
            "salts": salts_hash(vault.keyring, under).hex(),
            "salt_count": len(set(under)),
        }
    emit(said, as_json=as_json, lines=[f"{name}: {value}" for name, value in said.items()])


@command.command("run")
@dir_option
@click.argument("request")
@click.option("--digests", "file", required=True, type=_file, help="One digest a line, hex or base64.")
@click.option("--salts", type=_file, help="One salt a line in hex, for schemes with a salt.")
@click.option("--staff-key-file", required=True, type=_file, help="The key of whoever asked.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="New file of the finds (0600).",
)
@json_option
def run(
    home: Path | None,
    request: str,
    file: Path,
    salts: Path | None,
    staff_key_file: Path,
    out: Path,
    as_json: bool,
) -> None:
    """Run an approved REQUEST, or go on with it; the finds are internal ids, never values."""
    wanted = _digests(file)
    with (
        opened_vault(settings_of(home)) as vault,
        progress(quiet=as_json) as tick,
        private_file(out) as found,
    ):
        staffer = _staffer(vault, staff_key_file)
        with vault.data.read() as conn:
            people = count_people(conn)
        opened = 0

        def report(done: ScanProgress) -> None:
            nonlocal opened
            opened += done.opened
            for hit in done.found:
                row = {"subject": encode_id("sub", hit.subject), "digest": wanted[hit.wanted].hex()}
                found.write(json.dumps({**row, "scheme": hit.scheme, "version": hit.version}) + "\n")
            found.flush()
            tick("people opened", opened, people)

        now_ms = system_clock()
        done = run_scan(
            vault, staffer, parse_dual(request), wanted, now_ms, salts=_salts(salts), report=report
        )
    if isinstance(done, Denied):
        raise _denied(denied_problem(done.code))
    emit(
        {"opened": opened, "found": len(done.hits), "file": out.name},
        as_json=as_json,
        lines=(f"{opened:,} people opened, {len(done.hits):,} finds in {out}",),
    )


def _denied(problem: Problem) -> Failure:
    return Failure(str(problem_body(problem, Lang.EN)["detail"]), code=problem.code)


def _digests(file: Path) -> Sequence[bytes]:
    """The distinct digests of a file, in order; a line that is none is refused by its number."""
    wanted: dict[bytes, None] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        digest = hashed.read(line.strip())
        if digest is None:
            raise Failure(f"line {number} is no digest", code="malformed_digest", exit_code=Exit.USAGE)
        wanted[digest.data] = None
    if not wanted:
        raise Failure(f"{file.name} holds no digest", code="malformed_digest", exit_code=Exit.USAGE)
    return list(wanted)


def _salts(file: Path | None) -> Sequence[bytes]:
    if file is None:
        return ()
    try:
        return [bytes.fromhex(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError:
        raise Failure(
            "salts are hexadecimal, one a line", code="malformed_salt", exit_code=Exit.USAGE
        ) from None


def _staffer(vault: Vault, key_file: Path) -> Staffer:
    with vault.data.read() as conn:
        member = find_staff(conn, f"Bearer {read_secret(key_file)}")
    if member is None:
        raise Failure("this is no key of staff", code="not_authenticated")
    return Staffer(name=member.custody_name, actor=member.actor)
