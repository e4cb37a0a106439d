#!/bin/sh
# Check the lowest versions that pyproject.toml allows: install them, and only what barcodeembed itself
# needs, in a new environment, and compare what every command prints and writes with what it should.
#
#   sh packaging/lowest.sh [PYTHON] [FOLDER]
#
# It installs about 3 GB (PyPI's torch 2.4.0 brings CUDA), so .ci/run does not run it.
set -eu
python=${1:-python3.11}
folder=${2:-.venv-lowest}
cd "$(dirname "$0")/.."

"$python" -m venv "$folder"
"$folder/bin/pip" install -q -c constraints-lowest.txt .
"$folder/bin/pip" check
OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} "$folder/bin/python" packaging/check.py "$folder/bin/barcodeembed"
