package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"port67/cluster/logcodec"
	"port67/cluster/trust"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/disk"
	"port67/storage/lease"
)

// FirstConfig is the configuration that a new cluster begins with.
type FirstConfig struct {
	Config *config.Config
	Source string // the text as the administrator wrote it
	Author string
}

// The first administrator's files, in the data folder of the node that founded the cluster.
const (
	AdminCertFile = "admin.crt"
	AdminKeyFile  = "admin.key"
)

// Founded is a new cluster of one, and what its operator gets.
type Founded struct {
	ClusterID string
	Node      storage.NodeID
	// The first administrator's certificate and key, and the cluster's authority, PEM. The first two are in the
	// data folder, too, as AdminCertFile and AdminKeyFile; the key is kept nowhere else.
	AdminName string
	AdminCert []byte
	AdminKey  []byte
	CACert    []byte
}

// Found makes a new cluster of one in the data folder dir: cluster ID, authority, this node's certificate,
// the first administrator's, and the first entries of the log. first may be nil. If anything is wrong, dir
// is left as it was.
func Found(dir string, info NodeInfo, first *FirstConfig) (founded Founded, err error) {
	if err := info.check(); err != nil {
		return Founded{}, err
	}
	now := time.Now()
	founded.ClusterID = uuid.NewString()
	founded.Node = storage.NodeID(uuid.NewString())
	founded.AdminName = "first"
	authority, err := trust.NewAuthority(founded.ClusterID, now)
	if err != nil {
		return Founded{}, err
	}
	node := storage.Node{
		ID: founded.Node, Name: info.Name, PeerAddr: info.advertise(), AdminAddr: info.AdminAddr,
		Addresses: info.Addresses, Level: info.level(), Version: info.Version,
	}
	entries, err := firstEntries(founded.ClusterID, authority, node, first, now)
	if err != nil {
		return Founded{}, err
	}
	pair, err := newPair(authority, trust.Identity{
		Cluster: founded.ClusterID, Role: trust.RoleNode, Name: string(node.ID),
	}, hostsOf(node), now)
	if err != nil {
		return Founded{}, err
	}
	admin := trust.Identity{Cluster: founded.ClusterID, Role: trust.RoleAdmin, Name: founded.AdminName}
	csr, key, err := trust.NewRequest()
	if err != nil {
		return Founded{}, err
	}
	cert, err := authority.Sign(csr, admin, nil, now)
	if err != nil {
		return Founded{}, err
	}
	founded.AdminCert, founded.AdminKey = trust.CertPEM(cert), trust.KeyPEM(key)
	founded.CACert = trust.CertPEM(authority.CertDER())
	return founded, occupy(dir, map[string][]byte{
		fileNodeID: []byte(node.ID), fileClusterID: []byte(founded.ClusterID),
		filePair: pair, fileCA: founded.CACert,
		AdminCertFile: founded.AdminCert, AdminKeyFile: founded.AdminKey,
	}, func(f *disk.Folder) error { return bootstrap(f, node, entries) })
}

func (i NodeInfo) check() error { return checkMember(i.Name, i.advertise()) }

// checkMember says what is wrong with the name or the peer address of a node. The node itself asks, and the
// cluster that it wants to join, which must not take a stranger's word for it.
func checkMember(name, peer string) error {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}
	if name == "" || len(name) > 63 || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("node name %q: a name is 1 to 63 letters, digits, hyphens and dots, and unique in the "+
			"cluster", name)
	}
	host, port, err := net.SplitHostPort(peer)
	if err != nil {
		return fmt.Errorf("peer address %q: wants HOST:PORT", peer)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	ip := net.ParseIP(host)
	if err != nil || number == 0 || host == "" || len(host) > 255 || (ip != nil && ip.IsUnspecified()) {
		return fmt.Errorf("peer address %q: the other nodes cannot call this; name one address of this machine",
			peer)
	}
	return nil
}

// firstEntries makes the first entries of a cluster's log, and tries them.
func firstEntries(id string, a *trust.Authority, node storage.Node, first *FirstConfig, now time.Time,
) ([][]byte, error) {
	key, err := a.KeyDER()
	if err != nil {
		return nil, err
	}
	commands := []storage.Command{
		storage.Found{ClusterID: id, CACert: a.CertDER(), CAKey: key, Node: node},
	}
	if first != nil {
		commands = append(commands, storage.SetConfig{
			Config: first.Config, Source: first.Source, Author: first.Author, Comment: "first configuration",
			Wall: now.Unix(),
		})
	}
	trial := storage.New()
	var entries [][]byte
	for i, c := range commands {
		entry := storage.Entry{At: lease.Genesis, Commands: []storage.Command{c}}
		if r := trial.Apply(uint64(i+2), entry)[0]; r.Refusal != storage.Granted {
			return nil, fmt.Errorf("first configuration: refused (%d): %s", r.Refusal, r.Detail)
		}
		b, err := logcodec.Encode(entry)
		if err != nil {
			return nil, err
		}
		entries = append(entries, b)
	}
	return entries, nil
}

// newPair makes a key and a certificate for it, as one PEM file.
func newPair(a *trust.Authority, id trust.Identity, hosts []string, now time.Time) ([]byte, error) {
	csr, key, err := trust.NewRequest()
	if err != nil {
		return nil, err
	}
	cert, err := a.Sign(csr, id, hosts, now)
	if err != nil {
		return nil, err
	}
	return append(trust.CertPEM(cert), trust.KeyPEM(key)...), nil
}

// hostsOf returns the names under which a node's certificate is to be accepted besides its identity.
func hostsOf(n storage.Node) []string {
	hosts := []string{n.Name, "localhost", "127.0.0.1"}
	for _, addr := range []string{n.PeerAddr, n.AdminAddr} {
		if host, _, err := net.SplitHostPort(addr); err == nil {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// occupy makes dir a node's data folder with these small files, or leaves it as it was.
func occupy(dir string, files map[string][]byte, more func(*disk.Folder) error) error {
	f, err := disk.Create(dir)
	if err != nil {
		return err
	}
	err = func() error {
		for name, content := range files {
			if err := f.WriteFile(name, content); err != nil {
				return err
			}
		}
		if err := more(f); err != nil {
			return err
		}
		return f.Seal()
	}()
	if err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Close()
}

// bootstrap writes the first configuration of Raft and the first entries behind it. The node commits them
// when it elects itself at its first start.
func bootstrap(f *disk.Folder, node storage.Node, entries [][]byte) error {
	log, err := f.Log(nil)
	if err != nil {
		return err
	}
	defer log.Close()
	logger := raftLogger(slog.New(slog.DiscardHandler))
	snapshots, err := f.Snapshots(logger)
	if err != nil {
		return err
	}
	addr, transport := raft.NewInmemTransport(raftAddr(string(node.ID), node.PeerAddr))
	members := raft.Configuration{Servers: []raft.Server{{
		Suffrage: raft.Voter, ID: raft.ServerID(node.ID), Address: addr,
	}}}
	settings := raftConfig(string(node.ID), Timing{}.withDefaults(), logger, nil)
	if err := raft.BootstrapCluster(settings, log, log, snapshots, transport, members); err != nil {
		return fmt.Errorf("data folder %s: %w", f.Dir(), err)
	}
	for i, b := range entries {
		entry := &raft.Log{Index: uint64(i + 2), Term: 1, Type: raft.LogCommand, Data: b}
		if err := log.StoreLog(entry); err != nil {
			return fmt.Errorf("data folder %s: %w", f.Dir(), err)
		}
	}
	return nil
}
