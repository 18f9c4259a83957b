# make            print the verbs
# make run        a three-node cluster in network namespaces, and a client that gets a lease from it (root)
# make test       everything CI checks: format, vet, lint, tests with the race detector, the lab (root)
# make build      bin/port67d, bin/dhcpctl and its manual pages in build/man
# make lint       golangci-lint; changes nothing
# make format     gofmt
# make lab        only the tests with real clients and processes in network namespaces (root)
# make bench      perfdhcp against this cluster, Kea alone and a Kea pair (root)
# make conformance  the same packets to this server, Kea, dhcpd and dnsmasq; writes docs/conformance.md (root)
# make proto      generated Go from proto/
# make docs       generated documentation
# make clean      what the other verbs made

SHELL := /bin/bash -o pipefail
GO    ?= go
# LAB narrows the lab down: make lab LAB=TestClients
LAB   ?= .

.PHONY: help run test build lint format lab bench conformance proto docs clean packages-run packages-test

help:
	@sed -n 's/^# make /make /p' Makefile

build:
	$(GO) build -o bin/ ./cmd/...
	bin/dhcpctl man build/man

run: packages-run build
	$(GO) build -o build/demo ./ops/lab/demo
	@build/demo

test: packages-test
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'not formatted, run make format:'; \
		gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags lab,conformance ./ops/...
	$(MAKE) lint
	$(GO) test -race -timeout 15m ./...
	$(MAKE) lab

lint:
	$(GO) tool -modfile=.ci/tools.mod golangci-lint run --config .ci/golangci.yml --timeout 15m ./...

format:
	gofmt -w $$(git ls-files '*.go')

lab: packages-test
	$(GO) test -tags lab -v -p 1 -count 1 -timeout 30m -run '$(LAB)' ./ops/lab/... ./ops/conformance 2>&1 | \
		awk -f .ci/lab.awk

bench: packages-test
	@.ci/packages kea-dhcp4-server
	$(GO) run ./ops/bench

conformance: packages-test
	@.ci/packages kea-dhcp4-server isc-dhcp-server dnsmasq-base
	$(GO) test -tags conformance -count 1 -timeout 10m -run TestMatrix ./ops/conformance

proto:
	@.ci/packages protobuf-compiler libprotobuf-dev
	proto/gen.sh

docs:
	$(GO) test ./server ./server/metrics ./storage/config ./internal/tidy -update

clean:
	rm -rf bin build

# The packages of Debian that a verb needs beside make and Go. Their services are not started. The race detector
# needs a C compiler, the download of modules the certificates of the public authorities.
packages-run:
	@.ci/packages ca-certificates udhcpc iproute2 nftables

packages-test:
	@.ci/packages git gcc libc6-dev ca-certificates udhcpc isc-dhcp-client dhcpcd-base isc-dhcp-relay \
		tshark nftables iproute2 kea-admin bootpc dnsmasq-base qemu-system-x86 ipxe-qemu nmap
