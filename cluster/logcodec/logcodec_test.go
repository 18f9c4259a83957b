package logcodec_test

import (
	"encoding/binary"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/crc32"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"port67/cluster/logcodec"
	raftlogv1 "port67/proto/raftlog/v1"
	"port67/storage"
	"port67/storage/config"
)

// kinds returns one command of every kind, all fields zero.
func kinds() []storage.Command {
	return []storage.Command{
		storage.Offer{}, storage.Bind{}, storage.Extend{}, storage.Release{}, storage.Decline{}, storage.Tick{},
		storage.SetConfig{}, storage.DeleteLease{}, storage.ReleaseLease{}, storage.TakeLease{}, storage.ClearDeclined{},
		storage.AdvanceTime{}, storage.SetBuckets{}, storage.Found{}, storage.PutNode{}, storage.RemoveNode{},
		storage.DrainNode{}, storage.AddToken{}, storage.UseToken{}, storage.SetLevel{}, storage.Checkpoint{},
		storage.ReplaceNode{}, storage.Conflict{},
	}
}

// filled returns one command of every kind with every field set, and no two fields alike.
func filled(t *testing.T) []storage.Command {
	t.Helper()
	seed := 1
	var out []storage.Command
	for _, k := range kinds() {
		v := reflect.New(reflect.TypeOf(k)).Elem()
		fill(t, v, &seed)
		out = append(out, v.Interface().(storage.Command))
	}
	return out
}

// fill sets v and everything in it to values that are not zero. Octet strings are no UTF-8 on purpose.
func fill(t *testing.T, v reflect.Value, seed *int) {
	t.Helper()
	*seed++
	n := *seed
	switch x := v.Addr().Interface().(type) {
	case *netip.Addr:
		*x = netip.AddrFrom4([4]byte{10, 67, byte(n >> 8), byte(n)})
		return
	case **config.Config:
		*x = &config.Config{
			Renewals: config.RenewalsCommitted,
			Subnets:  []config.Subnet{{Prefix: netip.MustParsePrefix("10.67.0.0/16")}},
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("\xff\x00" + strings.Repeat("x", n%7) + string(rune('a'+n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(uint64(n%255) + 1)
	case reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		v.SetUint(uint64(n) + 1<<15)
	case reflect.Int64:
		v.SetInt(int64(n) + 1<<40)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), seed)
		fill(t, v.Index(1), seed)
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), seed)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), seed)
		}
	default:
		t.Fatalf("a field of type %s: say how to fill it", v.Type())
	}
}

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
var samePrefix = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

// TestCodec_EveryKindIsKnown holds the list of kinds in this test, in storage and in the contract together.
func TestCodec_EveryKindIsKnown(t *testing.T) {
	var here, source, contract []string
	for _, k := range kinds() {
		here = append(here, reflect.TypeOf(k).Name())
	}
	names, err := filepath.Glob("../../storage/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "command" {
				continue
			}
			source = append(source, f.Recv.List[0].Type.(*ast.Ident).Name)
		}
	}
	fields := (&raftlogv1.Command{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields()
	for i := range fields.Len() {
		contract = append(contract, string(fields.Get(i).Message().Name()))
	}
	slices.Sort(here)
	slices.Sort(source)
	slices.Sort(contract)
	if diff := cmp.Diff(source, here); diff != "" {
		t.Errorf("kinds in storage (-) and in this test (+):\n%s", diff)
	}
	if diff := cmp.Diff(source, contract); diff != "" {
		t.Errorf("kinds in storage (-) and in the contract (+):\n%s", diff)
	}
}

// TestCodec_EveryFieldTravels fails if a field of a command is forgotten in either direction.
func TestCodec_EveryFieldTravels(t *testing.T) {
	for _, list := range [][]storage.Command{kinds(), filled(t)} {
		for _, c := range list {
			b, err := logcodec.EncodeCommand(c)
			if err != nil {
				t.Errorf("%T: %v", c, err)
				continue
			}
			got, err := logcodec.DecodeCommand(b)
			if err != nil {
				t.Errorf("%T: %v", c, err)
				continue
			}
			if diff := cmp.Diff(c, got, sameAddr, samePrefix); diff != "" {
				t.Errorf("%T: sent (-), received (+):\n%s", c, diff)
			}
		}
	}
}

func TestCodec_EntryTravelsWhole(t *testing.T) {
	for name, e := range map[string]storage.Entry{
		"empty":         {},
		"clock alone":   {At: 1_000_007},
		"negative":      {At: -1, Commands: []storage.Command{storage.Tick{}}},
		"all kinds":     {At: 1<<62 + 1, Commands: filled(t)},
		"one kind many": {At: 1, Commands: slices.Repeat(filled(t)[1:2], 512)},
		"sixteen octets": {At: 1, Commands: []storage.Command{
			storage.Release{Addr: netip.MustParseAddr("2001:db8::67")},
			storage.Release{Addr: netip.MustParseAddr("::ffff:10.67.0.1")},
		}},
	} {
		b, err := logcodec.Encode(e)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := logcodec.Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(e, got, sameAddr, samePrefix); diff != "" {
			t.Errorf("%s: written (-), read (+):\n%s", name, diff)
		}
		again, err := logcodec.Encode(got)
		if err != nil || !slices.Equal(again, b) {
			t.Errorf("%s: the same entry has other octets the second time (%v)", name, err)
		}
	}
}

func TestCodec_ResultTravelsWhole(t *testing.T) {
	var r storage.Result
	seed := 1
	fill(t, reflect.ValueOf(&r).Elem(), &seed)
	r.Cleared, r.Left = nil, nil // They stay with the node that applies, for its journal only.
	for _, want := range []storage.Result{{}, r} {
		b, err := logcodec.EncodeResult(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := logcodec.DecodeResult(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, sameAddr); diff != "" {
			t.Errorf("sent (-), received (+):\n%s", diff)
		}
	}
}

type stranger struct{ storage.Command }

func TestCodec_Unwritable(t *testing.T) {
	for name, c := range map[string]storage.Command{
		"no command":      nil,
		"kind of no list": stranger{storage.Tick{}},
		"pointer":         &storage.Tick{},
		"zone":            storage.Release{Addr: netip.MustParseAddr("fe80::1%eth0")},
	} {
		if b, err := logcodec.EncodeCommand(c); err == nil {
			t.Errorf("%s: written as %x", name, b)
		}
		if b, err := logcodec.Encode(storage.Entry{Commands: []storage.Command{c}}); err == nil {
			t.Errorf("%s: written as %x", name, b)
		}
	}
}

// TestCodec_DamageIsSeen flips every bit and cuts at every length.
func TestCodec_DamageIsSeen(t *testing.T) {
	whole, err := logcodec.Encode(storage.Entry{At: 1_000_067, Commands: filled(t)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := logcodec.Decode(whole[:n]); !errors.Is(err, logcodec.ErrCorrupt) {
			t.Fatalf("first %d of %d octets: %v", n, len(whole), err)
		}
	}
	for bit := range 8 * len(whole) {
		b := slices.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := logcodec.Decode(b); !errors.Is(err, logcodec.ErrCorrupt) {
			t.Fatalf("bit %d of octet %d: %v", bit%8, bit/8, err)
		}
	}
	if _, err := logcodec.Decode(append(slices.Clone(whole), 0)); !errors.Is(err, logcodec.ErrCorrupt) {
		t.Errorf("one octet too many: %v", err)
	}
	command, err := logcodec.EncodeCommand(storage.Tick{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := logcodec.Decode(command); !errors.Is(err, logcodec.ErrCorrupt) {
		t.Errorf("a command where an entry is wanted: %v", err)
	}
}

// envelope wraps a payload as a writer of another release might.
func envelope(content, version, flags byte, level uint16, payload []byte) []byte {
	b := append([]byte("p67"), content, version, flags)
	b = binary.BigEndian.AppendUint16(b, level)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	crc := crc32.Update(0, crc32.MakeTable(crc32.Castagnoli), b)
	crc = crc32.Update(crc, crc32.MakeTable(crc32.Castagnoli), payload)
	return append(binary.BigEndian.AppendUint32(b, crc), payload...)
}

func mustMarshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCodec_P16_NewerReleaseIsTold shows that what a newer release writes halts a reader with a clear word.
func TestCodec_P16_NewerReleaseIsTold(t *testing.T) {
	kind99 := protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), []byte{8, 1})
	entry99 := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), kind99)
	field9 := protowire.AppendVarint(protowire.AppendTag(nil, 9, protowire.VarintType), 1)
	config := mustMarshal(t, &raftlogv1.Entry{Commands: []*raftlogv1.Command{{
		Kind: &raftlogv1.Command_SetConfig{SetConfig: &raftlogv1.SetConfig{
			Config: []byte(`{"a_setting_of_tomorrow":1}`),
		}},
	}}})
	for _, c := range []struct {
		name, want string
		level      uint32
		octets     []byte
	}{
		{"kind", "command of kind 99", 1, envelope('e', 1, 0, 1, entry99)},
		{"field of entry", "entry with field 9", 1, envelope('e', 1, 0, 1, field9)},
		{"level", "feature level 7 or higher", 7, envelope('e', 1, 0, 7, nil)},
		{"version", "envelope of version 2", 3, envelope('e', 2, 0, 3, nil)},
		{"flags", "envelope with flags 0x80", 1, envelope('e', 1, 0x80, 1, nil)},
		{"content of a newer version", "envelope of version 2", 1, envelope('z', 2, 0, 1, nil)},
		{"configuration", "a_setting_of_tomorrow", 1, envelope('e', 1, 0, 1, config)},
	} {
		_, err := logcodec.Decode(c.octets)
		var unknown *logcodec.UnknownKindError
		if !errors.As(err, &unknown) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if unknown.Level != c.level || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), "install the release of the other nodes") {
			t.Errorf("%s: level %d, %v; want level %d, %q", c.name, unknown.Level, err, c.level, c.want)
		}
	}
}

// TestCodec_P16_UnknownFieldAnywhere puts a field of tomorrow into every message of the contract.
func TestCodec_P16_UnknownFieldAnywhere(t *testing.T) {
	tomorrow := protowire.AppendVarint(protowire.AppendTag(nil, 500, protowire.VarintType), 1)
	all := filled(t)
	places := 0
	for _, c := range all {
		whole, err := logcodec.EncodeCommand(c)
		if err != nil {
			t.Fatal(err)
		}
		for target := 0; ; target++ {
			m := &raftlogv1.Command{}
			if err := proto.Unmarshal(whole[16:], m); err != nil {
				t.Fatal(err)
			}
			left := target
			where := spoil(m.ProtoReflect(), tomorrow, &left)
			if where == "" {
				break
			}
			places++
			_, err := logcodec.DecodeCommand(envelope('c', 1, 0, 1, mustMarshal(t, m)))
			var unknown *logcodec.UnknownKindError
			if !errors.As(err, &unknown) {
				t.Errorf("%T, field in %s: %v", c, where, err)
			}
		}
	}
	if places < 2*len(all) {
		t.Errorf("%d places tried for %d kinds", places, len(all))
	}
}

// spoil adds unknown fields to the message number *left of the tree under m and returns its name, or nothing
// if the tree is smaller.
func spoil(m protoreflect.Message, unknown []byte, left *int) string {
	if *left == 0 {
		*left--
		m.SetUnknown(append(slices.Clone(m.GetUnknown()), unknown...))
		return string(m.Descriptor().Name())
	}
	*left--
	where := ""
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() != nil && !f.IsList() {
			where = spoil(v.Message(), unknown, left)
		}
		return where == ""
	})
	return where
}

// TestCodec_ImpossibleValues shows that values a field cannot hold are damage, not wrapped into range.
func TestCodec_ImpossibleValues(t *testing.T) {
	bind := func(b *raftlogv1.Bind) *raftlogv1.Command {
		return &raftlogv1.Command{Kind: &raftlogv1.Command_Bind{Bind: b}}
	}
	buckets := func(b *raftlogv1.SetBuckets) *raftlogv1.Command {
		return &raftlogv1.Command{Kind: &raftlogv1.Command_SetBuckets{SetBuckets: b}}
	}
	one := &raftlogv1.Client{}
	for name, m := range map[string]*raftlogv1.Command{
		"no kind":         {},
		"no client":       bind(&raftlogv1.Bind{}),
		"mode":            bind(&raftlogv1.Bind{Client: one, Mode: 257}),
		"htype":           bind(&raftlogv1.Bind{Client: &raftlogv1.Client{Htype: 256}}),
		"address":         bind(&raftlogv1.Bind{Client: one, Addr: []byte{1, 2, 3}}),
		"no node":         {Kind: &raftlogv1.Command_PutNode{PutNode: &raftlogv1.PutNode{}}},
		"digest":          {Kind: &raftlogv1.Command_Checkpoint{Checkpoint: &raftlogv1.Checkpoint{}}},
		"too few owners":  buckets(&raftlogv1.SetBuckets{Owners: make([]uint32, 255)}),
		"owner not named": buckets(&raftlogv1.SetBuckets{Owners: slices.Repeat([]uint32{1}, 256)}),
	} {
		_, err := logcodec.DecodeCommand(envelope('c', 1, 0, 1, mustMarshal(t, m)))
		if !errors.Is(err, logcodec.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := logcodec.DecodeResult(envelope('r', 1, 0, 1, mustMarshal(t, &raftlogv1.Result{Refusal: 300})))
	if !errors.Is(err, logcodec.ErrCorrupt) {
		t.Errorf("refusal 300: %v", err)
	}
}

// FuzzDecode shows that no octets make a reader panic, that what it takes it writes again, and that what it
// writes it takes.
func FuzzDecode(f *testing.F) {
	for _, c := range kinds() {
		if b, err := logcodec.Encode(storage.Entry{At: 67, Commands: []storage.Command{c}}); err == nil {
			f.Add(b[16:])
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := logcodec.Decode(envelope('e', 1, 0, 1, payload))
		if err != nil {
			var unknown *logcodec.UnknownKindError
			if !errors.Is(err, logcodec.ErrCorrupt) && !errors.As(err, &unknown) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		b, err := logcodec.Encode(e)
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", e, err)
		}
		again, err := logcodec.Decode(b)
		if err != nil {
			t.Fatalf("%+v was written and cannot be read: %v", e, err)
		}
		if diff := cmp.Diff(e, again, sameAddr, samePrefix); diff != "" {
			t.Fatalf("written (-), read (+):\n%s", diff)
		}
	})
}

// TestCodec_P16_EveryKindNamesItsLevel holds storage.MinLevel and the kinds together: what this release writes
// it also reads.
func TestCodec_P16_EveryKindNamesItsLevel(t *testing.T) {
	for _, c := range kinds() {
		if level := storage.MinLevel(c); level == 0 || level > storage.Level {
			t.Errorf("%T: level %d, this release reads up to %d", c, level, storage.Level)
		}
	}
}
