#!/bin/sh
# Packs the sender into one file, which bellbuoy can pin: ./build.sh [FILE]. To run, the
# file needs Python 3.9 or later with grpcio, protobuf and cryptography; on Debian:
# apt-get install python3-grpcio python3-protobuf python3-cryptography
set -eu
out=${1:-bellbuoy-sender-gotify}
python=${PYTHON:-/usr/bin/python3} # the one that the file is run by
pack=$(mktemp -d)
trap 'rm -rf "$pack"' EXIT
mkdir "$pack/sender"
cp "$(dirname "$0")"/*.py "$pack/sender"
"$python" -m zipapp --python "$python" --output "$pack/packed" "$pack/sender"
chmod 755 "$pack/packed"
mv "$pack/packed" "$out"
