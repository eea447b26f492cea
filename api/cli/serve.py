"""`perusal serve`: the server of one installation, on this machine unless told otherwise."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option


@click.command("serve")
@dir_option
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one (default 8000)."
)
@click.option(
    "--issuer", help="The public origin, such as https://consent.example, when a proxy stands in front."
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written once requests are answered.",
)
@click.option(
    "--sealed", is_flag=True, help="Wait for people to unseal, even where a passphrase file is there."
)
@click.option(
    "--demo",
    is_flag=True,
    help="With a sandbox recipient and consumer (folder sandbox/), and sign-in codes shown on standard error instead "
    "of sent; on this machine only.",
)
@json_option
def command(
    home: Path | None,
    host: str | None,
    port: int | None,
    issuer: str | None,
    ready_file: Path | None,
    sealed: bool,
    demo: bool,
    as_json: bool,
) -> None:
    """Answer requests until stopped by SIGTERM or Ctrl-C; finishes what has begun, then leaves with 0."""
    settings = settings_of(home, host=host, port=port, issuer=issuer, ready_file=ready_file)
    from api import serve  # noqa: PLC0415 - loads the web framework, which takes longer than to see that all is ready

    emit(
        {"dir": str(home), "host": settings.host, "port": settings.port, "issuer": settings.issuer},
        as_json=as_json,
        lines=(f"serving {home} on {settings.host}, port {settings.port or 'chosen by the system'}",),
    )
    serve.run(settings, sealed=sealed, demo=demo)
