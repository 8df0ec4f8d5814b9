#!/bin/sh
# Generates the Go code of sender.proto. The Go plugins of protoc come from go.mod.
set -eu
go_plugin=$(go tool -n protoc-gen-go)
grpc_plugin=$(go tool -n protoc-gen-go-grpc)
protoc \
	--plugin=protoc-gen-go="$go_plugin" --go_out=. --go_opt=paths=source_relative \
	--plugin=protoc-gen-go-grpc="$grpc_plugin" --go-grpc_out=. --go-grpc_opt=paths=source_relative \
	sender.proto
