"""A process that rotates keys until it is done or killed: DATA-URL KEYS-URL ROOT-HEX KIND; a line for each step."""

import sys

from vault.keys.evictions import wall_ms
from vault.opening import open_vault
from vault.providers.local import LocalProvider
from vault.rotation import Job, Kind, NothingToResume, index, people, resume, run, start, tenant_key
from vault.storage.database import open_database


def main() -> None:
    data, keys, root, kind = sys.argv[1:]
    tenant_key.BATCH, people.BATCH, index.BATCH, index.DROP = 9, 4, 4, 150  # type: ignore[misc]
    vault = open_vault(open_database(data), open_database(keys), LocalProvider(bytes.fromhex(root)))
    try:
        job = resume(vault, Kind(kind))
    except NothingToResume:
        job = start(vault, Kind(kind), wall_ms())
    run(vault, job, report=_tell)
    vault.keyring.close()


def _tell(job: Job) -> None:
    print(job.stage, job.done, job.state, flush=True)


if __name__ == "__main__":
    main()
