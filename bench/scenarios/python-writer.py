"""Records events until its input ends, each in a transaction of its own, and tells how many."""

import json
import select
import sqlite3
import sys

path, name = sys.argv[1:3]
database = sqlite3.connect(path, timeout=10, isolation_level=None)
database.execute("pragma synchronous = normal")
figures = {"attempted": 0, "committed": 0, "failed": 0}
print(json.dumps("ready"), flush=True)

while not select.select([sys.stdin], [], [], 0.01)[0]:
    figures["attempted"] += 1
    try:
        database.execute("begin immediate")
        database.execute("insert into event (id) values (?)", (f"{name}-{figures['attempted']}",))
        database.execute("commit")
        figures["committed"] += 1
    except sqlite3.Error as error:
        figures["failed"] += 1
        print(error, file=sys.stderr)
        if database.in_transaction:
            database.execute("rollback")

database.close()
print(json.dumps(figures), flush=True)
