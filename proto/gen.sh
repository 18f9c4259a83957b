#!/bin/sh
# Generates the Go files beside every .proto of this folder. Needs Go, and protoc with its own .proto files
# (Debian: protobuf-compiler libprotobuf-dev); the plugins are those pinned in .ci/tools.mod.
# Use: proto/gen.sh [FOLDER...], e.g. proto/gen.sh admin/v1
set -eu
cd "$(dirname "$0")"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -modfile=../.ci/tools.mod -o "$bin" \
	google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
[ $# -gt 0 ] || set -- $(find . -name '*.proto' -exec dirname {} + | sort -u)
for dir in "$@"; do
	PATH="$bin:$PATH" protoc -I . --go_out=. --go_opt=paths=source_relative \
		--go-grpc_out=. --go-grpc_opt=paths=source_relative "$dir"/*.proto
done
