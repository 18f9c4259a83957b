package wire4

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"port67/server/dhcp4"
)

func opt(code uint8, rank uint16, n int) dhcp4.ReplyOption {
	return dhcp4.ReplyOption{Code: code, Rank: rank, Data: bytes.Repeat([]byte{code}, n)}
}

func offer(options ...dhcp4.ReplyOption) dhcp4.Message {
	first := []dhcp4.ReplyOption{
		{Code: 53, Data: []byte{2}},
		{Code: 54, Data: []byte{10, 67, 0, 2}},
		{Code: 51, Data: []byte{0, 0, 14, 16}},
	}
	return dhcp4.Message{
		Type: dhcp4.OfferMsg, HType: 1, HLen: 6, XID: 0x67000001, Flags: 0x8001,
		CIAddr: netip.IPv4Unspecified(), YIAddr: netip.MustParseAddr("10.67.1.9"),
		SIAddr: netip.MustParseAddr("10.67.0.9"), GIAddr: netip.MustParseAddr("10.67.0.1"),
		CHAddr: [16]byte{2, 0, 0, 0, 0, 1}, MaxSize: 576, Options: append(first, options...),
	}
}

// firstOptions is the size of the options that offer puts in front.
const firstOptions = 3 + 6 + 6

// codes returns the codes of the options in one field in order, up to its End option.
func codes(t *testing.T, b []byte) (list []uint8) {
	t.Helper()
	for i := 0; i < len(b); {
		switch b[i] {
		case optEnd:
			return list
		case optPad:
			t.Fatalf("Pad option at %d before the End option in % x", i, b)
		}
		list = append(list, b[i])
		i += 2 + int(b[i+1])
	}
	t.Fatalf("no End option in % x", b)
	return nil
}

func TestEncode_V4_031_W_029_PaddedTo300(t *testing.T) {
	b, dropped := Encode(offer(), nil)
	end := vendAt + cookieLen + firstOptions
	if len(b) != 300 || b[end] != optEnd || len(bytes.Trim(b[end+1:], "\x00")) != 0 || dropped != nil {
		t.Errorf("length %d, after the options % x, dropped %v; want 300 octets, End, zeros",
			len(b), b[end:], dropped)
	}
}

func TestEncode_W_036_PaddedToTheLeastSize(t *testing.T) {
	for _, tt := range []struct{ least, want int }{{0, 300}, {100, 300}, {328, 300}, {576, 548}, {1500, 1472}} {
		m := offer()
		m.MinSize = tt.least
		b, dropped := Encode(m, []byte("before"))
		if len(b)-len("before") != tt.want || len(dropped) > 0 {
			t.Errorf("at least %d: payload of %d octets, want %d", tt.least, len(b)-len("before"), tt.want)
		}
	}
}

func TestEncode_FixedFields(t *testing.T) {
	m := offer()
	m.Hops, m.Secs, m.SName, m.File = 0, 0, "boot.example.org", "pxelinux.0"
	b, _ := Encode(m, nil)
	q, err := dhcpv4.FromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	if b[opAt] != 2 || q.TransactionID != [4]byte{0x67, 0, 0, 1} || q.Flags != 0x8001 || // V4-041, V4-044
		q.HopCount != 0 || q.NumSeconds != 0 || // V4-042, V4-043
		!q.ClientIPAddr.Equal(netip.IPv4Unspecified().AsSlice()) || // V4-045
		q.YourIPAddr.String() != "10.67.1.9" || q.ServerIPAddr.String() != "10.67.0.9" || // V4-046, V4-047
		q.GatewayIPAddr.String() != "10.67.0.1" || q.ClientHWAddr.String() != "02:00:00:00:00:01" || // V4-048
		q.ServerHostName != "boot.example.org" || q.BootFileName != "pxelinux.0" { // V4-049
		t.Errorf("header as the library reads it:\n%s", q.Summary())
	}
}

func TestEncode_V4_049_LongNamesAreCut(t *testing.T) {
	m := offer()
	m.SName, m.File = strings.Repeat("s", 64), strings.Repeat("f", 200)
	b, _ := Encode(m, nil)
	if got := string(b[snameAt:fileAt]); got != strings.Repeat("s", 63)+"\x00" {
		t.Errorf("sname = %q", got)
	}
	if got := string(b[fileAt:vendAt]); got != strings.Repeat("f", 127)+"\x00" {
		t.Errorf("file = %q", got)
	}
}

func TestEncode_InvalidAddressIsZero(t *testing.T) {
	m := offer()
	m.YIAddr, m.SIAddr = netip.Addr{}, netip.MustParseAddr("fd67::1")
	b, _ := Encode(m, nil)
	if got := b[yiAddrAt:giAddrAt]; !bytes.Equal(got, make([]byte, 8)) {
		t.Errorf("yiaddr, siaddr = % x, want zeros", got)
	}
}

func TestEncode_V4_038_RelayAgentInfoIsLast(t *testing.T) {
	m := offer(opt(82, 0, 6), opt(1, 0, 4), opt(3, 10, 4))
	b, _ := Encode(m, nil)
	if diff := cmp.Diff([]uint8{53, 54, 51, 1, 3, 82}, codes(t, b[vendAt+cookieLen:])); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// The sizes: 576 − 28 − 236 − 4 − 1 leaves 307 octets for options, of which offer uses 15.
func TestEncode_SizeAndOverload(t *testing.T) {
	tests := []struct {
		name                 string
		change               func(*dhcp4.Message)
		options              []dhcp4.ReplyOption
		main, file, sname    []uint8
		overload             byte
		dropped              []uint8
		payloadMax, exactLen int
	}{
		{
			name:    "V4-032 exactly full without overload",
			options: []dhcp4.ReplyOption{opt(43, 9, 250), opt(6, 8, 38)},
			main:    []uint8{53, 54, 51, 43, 6}, payloadMax: 548, exactLen: 548,
		},
		{
			name:    "V4-035 one octet more goes to file",
			options: []dhcp4.ReplyOption{opt(43, 9, 250), opt(6, 8, 39)},
			main:    []uint8{53, 54, 51, 43, 52}, file: []uint8{6}, overload: 1, payloadMax: 548,
		},
		{
			name:    "V4-035 then to sname",
			options: []dhcp4.ReplyOption{opt(43, 9, 250), opt(6, 8, 120), opt(42, 7, 60)},
			main:    []uint8{53, 54, 51, 43, 52}, file: []uint8{6}, sname: []uint8{42}, overload: 3,
			payloadMax: 548,
		},
		{
			name:    "V4-035 V4-036 file in use: sname only",
			change:  func(m *dhcp4.Message) { m.File = "pxelinux.0" },
			options: []dhcp4.ReplyOption{opt(43, 9, 250), opt(6, 8, 60)},
			main:    []uint8{53, 54, 51, 43, 52}, sname: []uint8{6}, overload: 2, payloadMax: 548,
		},
		{
			name:    "V4-036 both names in use: dropped",
			change:  func(m *dhcp4.Message) { m.File, m.SName = "pxelinux.0", "boot" },
			options: []dhcp4.ReplyOption{opt(43, 9, 250), opt(6, 8, 60)},
			main:    []uint8{53, 54, 51, 6}, dropped: []uint8{43}, payloadMax: 548,
		},
		{
			name:    "V4-036 forbidden",
			change:  func(m *dhcp4.Message) { m.NoOverload = true },
			options: []dhcp4.ReplyOption{opt(6, 8, 250), opt(43, 9, 60)},
			main:    []uint8{53, 54, 51, 6}, dropped: []uint8{43}, payloadMax: 548,
		},
		{
			name: "V4-036 BOOTP",
			change: func(m *dhcp4.Message) {
				m.Type, m.Options = 0, []dhcp4.ReplyOption{opt(6, 8, 250), opt(43, 9, 60)}
			},
			main: []uint8{6}, dropped: []uint8{43}, payloadMax: 548,
		},
		{
			name: "V4-037 highest rank first, of equals the last, never rank 0",
			options: []dhcp4.ReplyOption{
				opt(1, 0, 4), opt(43, 5, 200), opt(120, 7, 200), opt(121, 7, 200), opt(61, 0, 255),
				opt(6, 3, 4),
			},
			main: []uint8{53, 54, 51, 1, 61, 6}, dropped: []uint8{121, 120, 43}, payloadMax: 548,
		},
		{
			name:       "V4-037 kept even if too long",
			options:    []dhcp4.ReplyOption{opt(61, 0, 300), opt(6, 3, 4)},
			change:     func(m *dhcp4.Message) { m.NoOverload = true },
			main:       []uint8{53, 54, 51, 61, 61},
			dropped:    []uint8{6},
			payloadMax: 241 + firstOptions + 304,
		},
		{
			name:    "V4-034 relay agent information is not counted",
			options: []dhcp4.ReplyOption{opt(43, 9, 250), opt(6, 8, 38), opt(82, 0, 100)},
			main:    []uint8{53, 54, 51, 43, 6, 82}, payloadMax: 650, exactLen: 650,
		},
		{
			name:    "V4-034 V4-055 options make room for relay agent information",
			change:  func(m *dhcp4.Message) { m.MaxSize, m.NoOverload = 1500, true },
			options: []dhcp4.ReplyOption{opt(43, 7, 250), opt(6, 8, 250), opt(42, 9, 250), opt(82, 0, 700)},
			main:    []uint8{53, 54, 51, 43, 6, 82, 82, 82}, dropped: []uint8{42}, payloadMax: 1472,
		},
		{
			name:    "V4-055 relay agent information for which there is no room",
			options: []dhcp4.ReplyOption{opt(43, 9, 20), opt(82, 0, 920)},
			main:    []uint8{53, 54, 51, 43}, dropped: []uint8{82}, payloadMax: 548,
		},
		{
			name:    "V4-035 V4-055 relay agent information never goes to file",
			options: []dhcp4.ReplyOption{opt(82, 0, 20), opt(43, 9, 250), opt(6, 8, 39)},
			main:    []uint8{53, 54, 51, 43, 52, 82}, file: []uint8{6}, overload: 1, payloadMax: 570,
		},
		{
			name:    "V4-033 larger size",
			change:  func(m *dhcp4.Message) { m.MaxSize = 1500 },
			options: []dhcp4.ReplyOption{opt(43, 9, 250), opt(6, 8, 250), opt(42, 8, 250)},
			main:    []uint8{53, 54, 51, 43, 6, 42}, payloadMax: 1472,
		},
		{
			name:    "V4-032 no size given counts as 576",
			change:  func(m *dhcp4.Message) { m.MaxSize, m.NoOverload = 0, true },
			options: []dhcp4.ReplyOption{opt(6, 8, 250), opt(43, 9, 60)},
			main:    []uint8{53, 54, 51, 6}, dropped: []uint8{43}, payloadMax: 548,
		},
		{
			name:    "RFC 3396 §5 long value in pieces across the fields",
			options: []dhcp4.ReplyOption{opt(1, 0, 4), opt(121, 9, 400)},
			main:    []uint8{53, 54, 51, 1, 121, 121, 52}, file: []uint8{121}, overload: 1, payloadMax: 548,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := offer(tt.options...)
			if tt.change != nil {
				tt.change(&m)
			}
			b, dropped := Encode(m, nil)
			if diff := cmp.Diff(tt.dropped, dropped); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
			if len(b) > tt.payloadMax || tt.exactLen != 0 && len(b) != tt.exactLen {
				t.Errorf("length = %d, want at most %d, exactly %d if not 0",
					len(b), tt.payloadMax, tt.exactLen)
			}
			main := codes(t, b[vendAt+cookieLen:])
			checkFields(t, b, tt.main, tt.file, tt.sname, main, tt.overload)
			checkKept(t, b, m, dropped)
		})
	}
}

func checkFields(t *testing.T, b []byte, main, file, sname, got []uint8, overload byte) {
	t.Helper()
	if diff := cmp.Diff(main, got); diff != "" {
		t.Errorf("options field (-want +got):\n%s", diff)
	}
	if overload&overloadFile != 0 {
		if diff := cmp.Diff(file, codes(t, b[fileAt:vendAt])); diff != "" {
			t.Errorf("file (-want +got):\n%s", diff)
		}
	}
	if overload&overloadSName != 0 {
		if diff := cmp.Diff(sname, codes(t, b[snameAt:fileAt])); diff != "" {
			t.Errorf("sname (-want +got):\n%s", diff)
		}
	}
	if overload == 0 {
		return
	}
	if i := bytes.Index(b[vendAt:], []byte{optOverload, 1, overload}); i < 0 {
		t.Errorf("no option 52 of value %d in % x", overload, b[vendAt:])
	}
}

// checkKept fails unless every option that was not dropped comes out of b whole, and no other.
func checkKept(t *testing.T, b []byte, m dhcp4.Message, dropped []uint8) {
	t.Helper()
	b = bytes.Clone(b)
	b[opAt] = bootRequest
	q, err := Parse(b)
	if err != nil {
		t.Fatalf("Parse of the reply: %v", err)
	}
	want := map[uint8]string{}
	for _, o := range m.Options {
		if !slices.Contains(dropped, o.Code) {
			want[o.Code] = string(o.Data)
		}
	}
	if diff := cmp.Diff(want, optionsOf(q)); diff != "" {
		t.Errorf("options that a client reads (-want +got):\n%s", diff)
	}
}

func TestEncode_LibraryReadsTheSame(t *testing.T) {
	m := offer(opt(1, 0, 4), opt(3, 5, 8), opt(121, 6, 300), opt(80, 7, 0), opt(82, 0, 30))
	m.MaxSize = 1500
	b, dropped := Encode(m, nil)
	theirs, err := dhcpv4.FromBytes(b)
	if err != nil || len(dropped) > 0 {
		t.Fatalf("FromBytes: %v, dropped %v", err, dropped)
	}
	if len(theirs.Options) != len(m.Options) {
		t.Errorf("options = %v, want %d of them", theirs.Options, len(m.Options))
	}
	for _, o := range m.Options {
		if got, ok := theirs.Options[o.Code]; !ok || !bytes.Equal(got, o.Data) {
			t.Errorf("option %d = % x, want % x", o.Code, got, o.Data)
		}
	}
}

func TestEncode_AppendsToBuf(t *testing.T) {
	alone, _ := Encode(offer(opt(43, 9, 250), opt(6, 8, 100)), nil)
	after, _ := Encode(offer(opt(43, 9, 250), opt(6, 8, 100)), []byte("before"))
	if string(after) != "before"+string(alone) {
		t.Errorf("Encode into a used buffer differs:\n% x\n% x", after, alone)
	}
	buf := make([]byte, 0, 1500)
	m := offer(opt(1, 0, 4), opt(3, 5, 8))
	if n := testing.AllocsPerRun(100, func() { Encode(m, buf) }); n > 0 {
		t.Errorf("allocations of Encode into a large buffer = %v, want none", n)
	}
}

func TestEncode_BP_007_NoOptionsNoCookie(t *testing.T) {
	b, _ := Encode(dhcp4.Message{HType: 1, HLen: 6}, nil)
	if len(b) != 300 || len(bytes.Trim(b[vendAt:], "\x00")) != 0 {
		t.Errorf("reply to a client without a cookie = %d octets, vend % x", len(b), b[vendAt:])
	}
}
