package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"port67/ops/lab"
)

// clientAddr is the client's address, from which perfdhcp plays a relay agent.
const clientAddr = "10.67.0.9"

// startCluster returns a starter of so many of our nodes. The load goes to the first, as from a relay agent that
// knows one server.
func startCluster(nodes int) func(context.Context) (*bed, error) {
	return func(ctx context.Context) (*bed, error) {
		l, err := lab.New(ctx, lab.Options{Nodes: nodes, Config: config, LogLevel: "warn"})
		if err != nil {
			return nil, err
		}
		return newBed(ctx, l)
	}
}

func newBed(ctx context.Context, l *lab.Lab) (*bed, error) {
	client, err := l.AddHost(ctx, "load", lab.LAN, clientAddr+"/16")
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &bed{client: client, target: l.Node(1).Addr, stop: l.Close}, nil
}

// startKea starts one Kea with a lease file, as Debian's default has it.
func startKea(ctx context.Context) (*bed, error) { return startKeas(ctx, 1) }

// startKeaPair starts two Keas of which one is active and the other a standby that gets every lease before
// the client gets its ACK.
func startKeaPair(ctx context.Context) (*bed, error) { return startKeas(ctx, 2) }

func startKeas(ctx context.Context, count int) (*bed, error) {
	l, err := lab.New(ctx, lab.Options{Nodes: count, Members: -1})
	if err != nil {
		return nil, err
	}
	b, err := newBed(ctx, l)
	if err != nil {
		return nil, err
	}
	for _, n := range l.Nodes() {
		if err := startOneKea(ctx, n, count == 2); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return b, waitAnswers(ctx, b)
}

func startOneKea(ctx context.Context, n *lab.Node, pair bool) error {
	dir := filepath.Join(n.Dir, "kea")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	hooks := ""
	if pair {
		h, err := haHooks(n.Name)
		if err != nil {
			return err
		}
		hooks = h
	}
	text := fmt.Sprintf(`{"Dhcp4": {
"interfaces-config": {"interfaces": ["eth0"]},
"control-socket": {"socket-type": "unix", "socket-name": "%[1]s/ctl"},
"lease-database": {"type": "memfile", "persist": true, "name": "%[1]s/leases.csv"},
"multi-threading": {"enable-multi-threading": true, "thread-pool-size": 2, "packet-queue-size": 64},
"valid-lifetime": 3600, %[2]s
"subnet4": [{"id": 1, "subnet": "10.64.0.0/10", "pools": [{"pool": "10.80.0.0-10.127.255.250"}]}],
"loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "%[1]s/log"}]}]
}}`, dir, hooks)
	file := filepath.Join(dir, "kea.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	_, err := n.StartBackground("env", "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir, "kea-dhcp4", "-c", file)
	return err
}

// haHooks is the part of Kea's configuration that makes two servers a hot-standby pair. Timeouts are Kea's
// defaults; HTTP runs on threads of its own, the fastest way this release has.
func haHooks(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/*/kea/hooks/libdhcp_ha.so")
	if err != nil || len(found) == 0 {
		return "", errors.New("libdhcp_ha.so: not found: install kea-common")
	}
	return fmt.Sprintf(`"hooks-libraries": [
{"library": "%[1]s/libdhcp_lease_cmds.so"},
{"library": "%[1]s/libdhcp_ha.so", "parameters": {"high-availability": [{
"this-server-name": "%[2]s", "mode": "hot-standby", "heartbeat-delay": 10000, "max-response-delay": 60000,
"max-ack-delay": 5000, "max-unacked-clients": 5,
"multi-threading": {"enable-multi-threading": true, "http-dedicated-listener": true,
"http-listener-threads": 2, "http-client-threads": 2},
"peers": [{"name": "n1", "url": "http://10.67.0.2:8000/", "role": "primary"},
{"name": "n2", "url": "http://10.67.0.3:8000/", "role": "standby"}]}]}}],`,
		filepath.Dir(found[0]), name), nil
}

// waitAnswers waits until a single exchange is completed.
func waitAnswers(ctx context.Context, b *bed) error {
	return lab.Poll(ctx, "a first exchange", time.Minute, func(ctx context.Context) error {
		o, err := perfdhcp(ctx, b, 10, options{period: time.Second})
		if err == nil && o.completed == 0 {
			err = errors.New("no exchange was completed")
		}
		return err
	})
}
