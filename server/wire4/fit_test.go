package wire4

import (
	"bytes"
	"testing"

	"port67/server/dhcp4"
)

// FuzzEncode builds a reply from octets (four for an option: code, rank, length) and checks what must hold of
// every reply, however full.
func FuzzEncode(f *testing.F) {
	f.Add([]byte{1, 0, 0, 4, 3, 9, 0, 8, 43, 5, 0, 250, 121, 7, 1, 44, 82, 0, 0, 30}, uint16(576), byte(0))
	f.Add([]byte{6, 4, 0, 100, 42, 4, 0, 60, 43, 4, 0, 120, 44, 4, 0, 62}, uint16(576), byte(1))
	f.Add([]byte{61, 0, 1, 44, 43, 2, 1, 244, 121, 2, 2, 88}, uint16(900), byte(2))
	f.Add([]byte{6, 1, 0, 200, 7, 1, 0, 200, 8, 1, 0, 200, 9, 1, 0, 200}, uint16(0), byte(4))
	f.Fuzz(func(t *testing.T, spec []byte, maxSize uint16, flags byte) {
		m := offer()
		m.MaxSize, m.NoOverload = int(maxSize), flags&4 != 0
		if flags&1 != 0 {
			m.File = "pxelinux.0"
		}
		if flags&2 != 0 {
			m.SName = "boot"
		}
		seen := [256]bool{0: true, 51: true, 52: true, 53: true, 54: true, 255: true}
		for ; len(spec) >= 4; spec = spec[4:] {
			if code := spec[0]; !seen[code] {
				if n, known := fixedLen(code); !known || n == int(spec[3]) && spec[2] == 0 {
					seen[code] = true
					m.Options = append(m.Options, opt(code, uint16(spec[1]), int(spec[2]&3)<<8|int(spec[3])))
				}
			}
		}
		b, dropped := Encode(m, nil)
		checkKept(t, b, m, dropped)
		checkSize(t, b, m, dropped)
		if m.File != "" && !bytes.HasPrefix(b[fileAt:], []byte(m.File+"\x00")) ||
			m.SName != "" && !bytes.HasPrefix(b[snameAt:], []byte(m.SName+"\x00")) {
			t.Error("a name was overwritten")
		}
		if zero := make([]byte, snameLen+fileLen); m.NoOverload && m.File == "" && m.SName == "" &&
			!bytes.Equal(b[snameAt:vendAt], zero) {
			t.Error("overloaded although that is forbidden")
		}
	})
}

// checkSize fails if b is too long although something could have been dropped, or if what must be kept was
// dropped, or something was dropped too late: while a less wanted option stayed.
func checkSize(t *testing.T, b []byte, m dhcp4.Message, dropped []uint8) {
	t.Helper()
	rank := map[uint8]uint16{}
	left, extra := 0, 0
	for _, o := range m.Options {
		rank[o.Code] = o.Rank
		if o.Rank != dhcp4.RankKeep && o.Code != optRelayAgentInfo {
			left++
		}
		if o.Code == optRelayAgentInfo {
			extra = optionLen(len(o.Data))
		}
	}
	last := uint16(0xffff)
	for _, code := range dropped {
		if rank[code] == dhcp4.RankKeep || rank[code] > last {
			t.Errorf("dropped option %d of rank %d after one of rank %d", code, rank[code], last)
		}
		last = rank[code]
	}
	size := m.MaxSize
	if size == 0 {
		size = 576
	}
	if limit := max(size-28, 300) + extra; len(b) > limit && len(dropped) < left {
		t.Errorf("%d octets, want at most %d; dropped %v and %d could go still",
			len(b), limit, dropped, left-len(dropped))
	}
}
