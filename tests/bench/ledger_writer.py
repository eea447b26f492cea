"""A process that appends lists to one log when told to: URL BUCKET BATCHES BATCH SEED.

It says `ready`, waits for a line, appends, and answers with the two instants of the system's clock between
which it did.
"""

import json
import random
import sys
import time

from consent.ledger.append import append
from tests.bench.ledger_append import made
from tests.consent.ledger.kit import HOST, NOW
from vault.storage.database import open_database


def main() -> None:
    bucket, batches, batch, seed = map(int, sys.argv[2:])
    data = open_database(sys.argv[1])
    dice = random.Random(seed)
    lists = [made(dice, bucket, batch) for _ in range(batches)]
    with data.read() as conn:
        conn.exec_driver_sql("SELECT 1")
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.monotonic()
    for items in lists:
        with data.write() as conn:
            append(conn, items, NOW, HOST)
    print(json.dumps([begun, time.monotonic()]))
    data.close()


if __name__ == "__main__":
    main()
