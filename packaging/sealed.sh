#!/bin/sh
# Run a command without a network, with an empty HOME that cannot be written to, and in Python's
# development mode, which gives a warning for each file that is not closed. Needs Linux.
#
#   sh packaging/sealed.sh .venv/bin/python -m pytest -q
set -eu
HOME=$(mktemp -d)
export HOME PYTHONDEVMODE=1
unset XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME
exec unshare --user --map-root-user --mount --net sh -euc '
    mount -t tmpfs -o ro none "$HOME"
    ip link set lo up  # training with two processes uses the loopback address
    exec "$@"' sh "$@"
