package cluster

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"port67/cluster/trust"
	peerv1 "port67/proto/peer/v1"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/disk"
)

func TestFound_BadInputChangesNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		info  NodeInfo
		first *FirstConfig
	}{
		{"no name", NodeInfo{PeerListen: "10.67.0.2:6701"}, nil},
		{"no port", NodeInfo{Name: "n1", PeerListen: "10.67.0.2"}, nil},
		{"an address that nobody can call", NodeInfo{Name: "n1", PeerListen: "0.0.0.0:6701"}, nil},
		{"a configuration that is refused", NodeInfo{Name: "n1", PeerListen: "10.67.0.2:6701"}, &FirstConfig{
			Config: &config.Config{Subnets: []config.Subnet{
				{Prefix: sample().Config.Subnets[0].Prefix}, {Prefix: sample().Config.Subnets[0].Prefix},
			}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir() + "/data"
			_, err := Found(dir, c.info, c.first)
			if err == nil {
				t.Error("no error")
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("the data folder was made (%v)", err)
			}
		})
	}
}

func TestFound_OnlyOnce(t *testing.T) {
	dir := t.TempDir()
	info := NodeInfo{Name: "n1", PeerListen: "10.67.0.2:6701"}
	founded, err := Found(dir, info, nil)
	if err != nil {
		t.Fatal(err)
	}
	if founded.ClusterID == "" || founded.Node == "" || len(founded.AdminKey) == 0 {
		t.Errorf("Founded = %+v", founded)
	}
	for name, want := range map[string][]byte{AdminCertFile: founded.AdminCert, AdminKeyFile: founded.AdminKey} {
		if b, err := os.ReadFile(dir + "/" + name); err != nil || string(b) != string(want) {
			t.Errorf("%s is not what Found returned (%v)", name, err)
		}
	}
	if _, err := Found(dir, info, nil); !errors.Is(err, disk.ErrTaken) {
		t.Errorf("Found again: %v, want ErrTaken", err)
	}
	if _, err := Open(Options{Dir: t.TempDir(), Node: info}); !errors.Is(err, disk.ErrNone) {
		t.Errorf("Open of an empty folder: %v, want ErrNone", err)
	}
}

func TestJoin_BadTokensChangeNothing(t *testing.T) {
	m := found(t)
	other := found(t)
	ctx := patient(t)
	good, err := m.CreateToken(ctx, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.CreateToken(ctx, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	short, err := m.CreateToken(ctx, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	made, err := trust.ParseToken(good)
	if err != nil {
		t.Fatal(err)
	}
	made.Secret = []byte("guess guess guess ye")
	m.mustPropose(storage.AdvanceTime{By: 60, Author: "test"})

	n2 := newMember(t, "n2")
	taken := n2.info
	taken.Name = "n1"
	for _, c := range []struct {
		name, token, want string
		info              NodeInfo
	}{
		{"mistyped", good[:30] + "xx" + good[32:], "token: mistyped", n2.info},
		{"of another cluster", foreign, "not of the cluster", n2.info},
		{"a guess", made.String(), "token: unknown, spent or too old", n2.info},
		{"too old", short, "token: unknown, spent or too old", n2.info},
		{"a guess with a name that is taken", made.String(), "token: unknown, spent or too old", taken},
		{"too old, with a name that is taken", short, "token: unknown, spent or too old", taken},
		{"a name that is taken", good, "node name n1: taken", taken},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir() + "/data"
			err := Join(ctx, dir, c.info, m.info.PeerListen, c.token)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Join: %v, want %q", err, c.want)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("the data folder was made (%v)", err)
			}
		})
	}
	if n := len(m.Status().Members); n != 1 {
		t.Errorf("%d members, want 1", n)
	}
	if err := Join(ctx, n2.dir, n2.info, m.info.PeerListen, good); err != nil {
		t.Fatal(err)
	}
	spent(t, m, n2, good)
}

// spent tries what must not cost or be worth a token: n2 has joined m with token.
func spent(t *testing.T, m, n2 *member, token string) {
	ctx := patient(t)
	t.Run("spent", func(t *testing.T) {
		info := NodeInfo{Name: "n3", PeerListen: "127.0.0.1:1"}
		err := Join(ctx, t.TempDir()+"/data", info, m.info.PeerListen, token)
		if err == nil || !strings.Contains(err.Error(), "token: unknown, spent or too old") {
			t.Errorf("Join with a spent token: %v", err)
		}
	})
	t.Run("a folder that is taken costs no token", func(t *testing.T) {
		token, err := m.CreateToken(ctx, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		n3 := newMember(t, "n3")
		if err := Join(ctx, n2.dir, n3.info, m.info.PeerListen, token); !errors.Is(err, disk.ErrTaken) {
			t.Errorf("Join into a taken folder: %v, want ErrTaken", err)
		}
		if err := Join(ctx, n3.dir, n3.info, m.info.PeerListen, token); err != nil {
			t.Error(err)
		}
	})
}

func TestAdmit_TheTokenFirstAndNobodysWord(t *testing.T) {
	m := found(t)
	ctx := patient(t)
	text, err := m.CreateToken(ctx, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	token, err := trust.ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	csr, _, err := trust.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	request := func(secret []byte, change func(*storage.Node)) *peerv1.JoinRequest {
		node := storage.Node{ID: storage.NodeID(uuid.NewString()), Name: "n2", PeerAddr: "10.67.0.3:6701", Level: 1}
		change(&node)
		return &peerv1.JoinRequest{Secret: secret, Csr: csr, Node: memberOf(node)}
	}
	for _, c := range []struct {
		name   string
		change func(*storage.Node)
		want   string // of who has a token
	}{
		{"no UUID", func(n *storage.Node) { n.ID = "n2" }, "wants a UUID"},
		{"a node that is a member", func(n *storage.Node) { n.ID = m.id }, "a member already"},
		{"no name", func(n *storage.Node) { n.Name = "" }, `node name ""`},
		{"a name with a line break", func(n *storage.Node) { n.Name = "n2\nlevel=ERROR" }, "letters, digits"},
		{"a name that is taken", func(n *storage.Node) { n.Name = m.info.Name }, "taken by a member"},
		{"no peer port", func(n *storage.Node) { n.PeerAddr = "10.67.0.3" }, "wants HOST:PORT"},
		{"a peer port that is none", func(n *storage.Node) { n.PeerAddr = "10.67.0.3:x" }, "cannot call this"},
		{"nobody's peer address", func(n *storage.Node) { n.PeerAddr = "0.0.0.0:6701" }, "cannot call this"},
		{"the peer address of another", func(n *storage.Node) { n.PeerAddr = m.info.advertise() }, "that of member"},
		{"an old release", func(n *storage.Node) { n.Level = 0 }, "install a newer release"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := m.admit(ctx, request(token.Secret, c.change))
			if !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("with a token: %v, want %q", err, c.want)
			}
			_, err = m.admit(ctx, request([]byte("a guess"), c.change))
			if err == nil || err.Error() != errToken.Error() {
				t.Errorf("with a guess: %v, want %v", err, errToken)
			}
		})
	}
	unsigned := request(token.Secret, func(*storage.Node) {})
	unsigned.Csr = []byte("none")
	if _, err := m.admit(ctx, unsigned); err == nil {
		t.Error("no request for a certificate, and no error")
	}
	if _, err := m.admit(ctx, request(token.Secret, func(*storage.Node) {})); err != nil {
		t.Errorf("the token was spent by what was refused: %v", err)
	}
}

func TestJoin_ThroughAFollower(t *testing.T) {
	first := found(t)
	second := first.grow("n2")
	_, others := leaderOf(t, []*member{first, second})
	third := others[0].grow("n3")
	if r := third.mustPropose(bind(1)); r.Refusal != storage.Granted {
		t.Errorf("Bind: refused (%d) %s", r.Refusal, r.Detail)
	}
}

func TestRemove_ThreeToOne(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	for i := range 10 {
		leader.mustPropose(bind(i))
	}
	// The leader itself, asked on a follower: it hands over first.
	if err := others[0].RemoveNode(patient(t), leader.id); err != nil {
		t.Fatal(err)
	}
	if err := <-leader.done; !errors.Is(err, ErrRemoved) {
		t.Errorf("Run of the removed node: %v, want ErrRemoved", err)
	}
	leader.stop = nil
	rest, gone := leaderOf(t, others)
	if err := rest.RemoveNode(patient(t), gone[0].id); err != nil {
		t.Fatal(err)
	}
	if err := <-gone[0].done; !errors.Is(err, ErrRemoved) {
		t.Errorf("Run of the removed node: %v, want ErrRemoved", err)
	}
	gone[0].stop = nil
	if r := rest.mustPropose(bind(20)); r.Refusal != storage.Granted {
		t.Errorf("Bind on the last node: refused (%d) %s", r.Refusal, r.Detail)
	}
	rest.Read(func(v storage.View) {
		for i := range 10 {
			if _, ok := v.Lease(bind(i).Addr); !ok {
				t.Errorf("lease of %s is gone", bind(i).Addr)
			}
		}
	})
	if err := rest.RemoveNode(patient(t), rest.id); !errors.Is(err, storage.ErrRefused) {
		t.Errorf("removal of the last node: %v, want ErrRefused", err)
	}
	_, err := Open(Options{Dir: leader.dir, Node: leader.info, AllowSlowDisk: true})
	if !errors.Is(err, ErrRemoved) {
		t.Errorf("Open of the removed node: %v, want ErrRemoved", err)
	}
	// Even if its folder is put right by hand: its ID and its certificate stay refused.
	if err := os.Remove(leader.dir + "/" + fileRemoved); err != nil {
		t.Fatal(err)
	}
	leader.relisten()
	leader.start()
	if err := <-leader.done; !errors.Is(err, ErrRemoved) {
		t.Errorf("Run of the removed node, started again: %v, want ErrRemoved", err)
	}
	leader.stop = nil
}

func TestRemove_DeadNodeAndTheQuorumThatIsLeft(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	_ = others[0].kill()
	eventually(t, "silence noticed", func() bool {
		return time.Since(leader.ward.get(others[0].id).seen) > leader.timing.Lost
	})
	err := leader.RemoveNode(patient(t), others[1].id)
	if !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), others[0].info.Name) {
		t.Errorf("removal of the last living follower: %v, want a refusal that names the dead one", err)
	}
	if err := leader.RemoveNode(patient(t), others[0].id); err != nil {
		t.Errorf("removal of the dead node: %v", err)
	}
	if err := leader.RemoveNode(patient(t), "nobody"); !errors.Is(err, storage.ErrRefused) {
		t.Errorf("removal of nobody: %v, want ErrRefused", err)
	}
	if r := leader.mustPropose(bind(1)); r.Refusal != storage.Granted {
		t.Errorf("Bind: refused (%d) %s", r.Refusal, r.Detail)
	}
}

func TestTransfer(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	if err := others[1].Transfer(patient(t), others[0].id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the chosen one leads", func() bool { return others[0].route.now().ready })
	if err := others[0].Transfer(patient(t), "nobody"); !errors.Is(err, storage.ErrRefused) {
		t.Errorf("transfer to nobody: %v, want ErrRefused", err)
	}
	if r := leader.mustPropose(bind(1)); r.Refusal != storage.Granted {
		t.Errorf("Bind: refused (%d) %s", r.Refusal, r.Detail)
	}
}

func TestLeave_GivesUpBucketsAndLeadershipAndComesBack(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	owns := func(of storage.NodeID) (n int) {
		others[0].Read(func(v storage.View) {
			owners, _ := v.Buckets()
			for _, o := range owners {
				if o == of {
					n++
				}
			}
		})
		return n
	}
	eventually(t, "buckets", func() bool { return owns(leader.id) > 80 && owns(others[0].id) > 80 })
	if err := leader.Leave(patient(t)); err != nil {
		t.Fatal(err)
	}
	if !leader.Drained() || leader.route.now().ready {
		t.Error("still there after Leave")
	}
	if err := others[0].Barrier(patient(t)); err != nil {
		t.Fatal(err)
	}
	if n := owns(leader.id); n != 0 {
		t.Errorf("%d buckets are left after Leave", n)
	}
	if err := leader.kill(); err != nil {
		t.Fatal(err)
	}
	leader.relisten()
	leader.start()
	eventually(t, "takes part again", func() bool { return owns(leader.id) > 80 })
}

func TestDrain_OfAnOperatorOutlivesARestart(t *testing.T) {
	members := three(t)
	leader, others := leaderOf(t, members)
	if err := leader.Drain(patient(t), others[0].id, true); err != nil {
		t.Fatal(err)
	}
	_ = others[0].kill()
	others[0].relisten()
	others[0].start()
	eventually(t, "state", func() bool { return others[0].replica.position().index > 0 })
	if err := others[0].Barrier(patient(t)); err != nil {
		t.Fatal(err)
	}
	if !others[0].Drained() {
		t.Error("an operator's drain was undone by a restart")
	}
	if err := others[1].Drain(patient(t), others[0].id, false); err != nil {
		t.Fatal(err)
	}
	if err := others[0].Barrier(patient(t)); err != nil {
		t.Fatal(err)
	}
	if others[0].Drained() {
		t.Error("still drained")
	}
}

func TestPeerPort_AdministratorsAreRefused(t *testing.T) {
	m := newMember(t, "n1")
	founded, err := Found(m.dir, m.info, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.start()
	file := t.TempDir() + "/admin.pem"
	if err := os.WriteFile(file, append(founded.AdminCert, founded.AdminKey...), 0o600); err != nil {
		t.Fatal(err)
	}
	ca, err := trust.ParseCertPEM(founded.CACert)
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := trust.NewKeeper(founded.ClusterID, file, ca)
	if err != nil {
		t.Fatal(err)
	}
	for _, proto := range []string{trust.ProtoRaft, trust.ProtoPeer} {
		conn, err := keeper.Dial(t.Context(), m.info.PeerListen, string(founded.Node), proto)
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("an administrator's certificate opened %s", proto)
		}
		_ = conn.Close()
	}
}

func TestRenew_GetsANewCertificateFromTheLeader(t *testing.T) {
	members := three(t)
	for _, m := range members {
		before, err := m.Certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.renew(context.Background()); err != nil {
			t.Fatal(err)
		}
		after, err := m.Certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		if after.Leaf.Equal(before.Leaf) {
			t.Errorf("%s: the certificate is the old one", m.info.Name)
		}
		if len(after.Leaf.URIs) != 1 || after.Leaf.URIs[0].String() != before.Leaf.URIs[0].String() {
			t.Errorf("%s: identity %v, was %v", m.info.Name, after.Leaf.URIs, before.Leaf.URIs)
		}
	}
	if r := members[2].mustPropose(bind(1)); r.Refusal != storage.Granted {
		t.Errorf("Bind: refused (%d) %s", r.Refusal, r.Detail)
	}
}
