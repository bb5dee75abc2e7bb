#!/bin/sh
# Ctrl-C reaches every process of the terminal. workerd must not end by it: it still has to write what waits, and is ended
# by serve.worker.ts after that.
trap '' INT
exec "$DEMO_WORKERD" "$@"
