package lease

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// full is a lease in which every field is set, each to something else.
func full(t testing.TB) Lease {
	var l Lease
	v := reflect.ValueOf(&l).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Interface().(type) {
		case netip.Addr:
			f.Set(reflect.ValueOf(netip.MustParseAddr("10.67.0.1")))
		case Status:
			f.Set(reflect.ValueOf(Declined))
		case Instant:
			f.SetInt(int64(1000 + i))
		case Seconds, uint8:
			f.SetUint(uint64(10 + i))
		case Key, string:
			f.SetString(string(rune('a' + i)))
		case bool:
			f.SetBool(true)
		default:
			t.Fatalf("field %s: teach this test to set a %s", v.Type().Field(i).Name, f.Type())
		}
	}
	return l
}

// TestParseLease_EveryField fails when a field of Lease is not encoded.
func TestParseLease_EveryField_P14(t *testing.T) {
	want := full(t)
	got, err := ParseLease(want.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameAddr); diff != "" {
		t.Errorf("encoded (-), parsed (+):\n%s", diff)
	}
}

func TestParseLease_RefusesWhatIsNoLease(t *testing.T) {
	l := full(t)
	good := l.Append(nil)
	for n := range len(good) {
		if _, err := ParseLease(good[:n]); err == nil {
			t.Errorf("the first %d of %d octets were taken for a lease", n, len(good))
		}
	}
	if _, err := ParseLease(append(good, 0)); err == nil {
		t.Error("an octet too many was passed over")
	}
	flag := l.Append(nil)
	if flag[len(flag)-1] = 4; !refused(flag) {
		t.Error("a flag of 4 was taken")
	}
	l.Status = 77
	if _, err := ParseLease(l.Append(nil)); err == nil {
		t.Error("status 77 was taken")
	}
}

func refused(b []byte) bool { _, err := ParseLease(b); return err != nil }

// FuzzParseLease holds ParseLease to Append: what it takes, it gives back.
func FuzzParseLease(f *testing.F) {
	l := full(f)
	f.Add(l.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLease(b)
		if err != nil {
			return
		}
		again, err := ParseLease(l.Append(nil))
		if err != nil || !bytes.Equal(again.Append(nil), l.Append(nil)) {
			t.Errorf("%x parses to %+v, and that to %+v, %v", b, l, again, err)
		}
	})
}

func TestStatusAt(t *testing.T) {
	l := Lease{Booked: 100, Reusable: 110, Withheld: 130}
	for _, c := range []struct {
		status, at99, at115, at130 Status
	}{
		{Bound, Bound, Expired, Expired},
		{Released, Released, Expired, Expired},
		{Offered, Offered, Offered, Expired},
		{Declined, Declined, Declined, Expired},
	} {
		l.Status = c.status
		if a, b, d := l.StatusAt(99), l.StatusAt(115), l.StatusAt(130); a != c.at99 || b != c.at115 || d != c.at130 {
			t.Errorf("%v: %v, %v, %v; want %v, %v, %v", c.status, a, b, d, c.at99, c.at115, c.at130)
		}
	}
}
