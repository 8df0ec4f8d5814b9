#!/bin/sh
# Generates the code of sender.proto: Go's here, Python's for the example that is a sender in
# Python. The Go plugins of protoc come from go.mod.
set -eu
go_plugin=$(go tool -n protoc-gen-go)
grpc_plugin=$(go tool -n protoc-gen-go-grpc)
protoc \
	--plugin=protoc-gen-go="$go_plugin" --go_out=. --go_opt=paths=source_relative \
	--plugin=protoc-gen-go-grpc="$grpc_plugin" --go-grpc_out=. --go-grpc_opt=paths=source_relative \
	--python_out=../../../examples/sender-python \
	sender.proto
