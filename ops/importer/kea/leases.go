package kea

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"port67/ops/importer"
	"port67/storage/lease"
)

// leaseColumns are the columns of a memfile, in its order. Files of older releases end earlier; the first
// nine were always there.
const leaseColumns = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname," +
	"state,user_context,pool_id"

// leaseColumnsMin is how many columns every file has.
const leaseColumnsMin = 9

// lineMax bounds a line: a user context may be long, but not everything.
const lineMax = 1 << 20

// infinite is a lifetime without end in the file.
const infinite = math.MaxUint32

// The states of a lease in the file. Reclaimed (2) and released ones are remembered for their clients.
const (
	stateAssigned = 0
	stateDeclined = 1
	stateReleased = 3
)

// Lease is one row of a memfile.
type Lease struct {
	Addr      netip.Addr
	CHAddr    []byte
	ClientID  []byte // option 61, type octet included
	Lifetime  uint32 // seconds; 4294967295 is without end
	Expire    int64  // seconds since 1970
	SubnetID  uint32
	Hostname  string
	Declined  bool
	RelayInfo []byte // option 82
	File      string
	Line      int
}

// Key returns who the client is for us, as in lease.Lease. It is empty for a declined address without a
// client.
func (l *Lease) Key() lease.Key {
	switch {
	case len(l.ClientID) > 0:
		return lease.ClientIDKey(l.ClientID)
	case len(l.CHAddr) > 0:
		return lease.HardwareKey(1, l.CHAddr)
	}
	return ""
}

// Heard returns when the client was last told, in seconds since 1970.
func (l *Lease) Heard() int64 { return l.Expire - int64(l.Lifetime) }

// Endless says whether l has no end.
func (l *Lease) Endless() bool { return l.Lifetime == infinite }

// Left returns what is left of l at now, seconds since 1970: 0 if it has ended.
func (l *Lease) Left(now int64) lease.Seconds {
	if l.Lifetime == infinite {
		return lease.Infinite
	}
	return lease.Seconds(min(max(l.Expire-now, 0), infinite-1))
}

// Age returns how long ago the client was last told.
func (l *Lease) Age(now int64) lease.Seconds {
	return lease.Seconds(min(max(now-l.Heard(), 0), infinite-1))
}

// LeaseFiles returns the files that hold the leases of a memfile, in the order in which they are read: what
// its cleaner (LFC) left behind comes first.
func LeaseFiles(name string, exists func(string) bool) []string {
	var out []string
	for _, group := range [][]string{{name + ".completed"}, {name + ".2", name + ".1"}} {
		for _, f := range group {
			if exists(f) {
				out = append(out, f)
			}
		}
		if len(out) > 0 {
			break
		}
	}
	if exists(name) || len(out) == 0 {
		out = append(out, name)
	}
	return out
}

// Leases is what the files of a memfile say, the last row of an address alone.
type Leases struct {
	Report importer.Report
	byAddr map[netip.Addr]Lease
	rows   int
	dns    int
}

// Read adds the rows of one file; they overrule those that were read before. The error is for input that is
// no memfile of DHCPv4 leases, or that could not be read to its end.
func (s *Leases) Read(file string, r io.Reader) error {
	if s.byAddr == nil {
		s.byAddr = make(map[netip.Addr]Lease)
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), lineMax)
	n, columns := 0, 0
	for lines.Scan() {
		n++
		text := strings.TrimSuffix(lines.Text(), "\r")
		if text == "" {
			continue
		}
		if columns == 0 {
			var err error
			if columns, err = header(file, n, text); err != nil {
				return err
			}
			continue
		}
		s.row(file, n, text)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w: is this a lease file?", file, n+1, err)
	}
	return nil
}

// header checks the first line, and returns how many columns the file has.
func header(file string, line int, text string) (int, error) {
	got, want := strings.Split(strings.TrimPrefix(text, "\ufeff"), ","), strings.Split(leaseColumns, ",")
	if len(got) > 1 && got[1] == "duid" {
		return 0, &SyntaxError{file, line, 1, "leases of DHCPv6: this release serves DHCPv4 only; name the file " +
			"of kea-dhcp4"}
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return 0, &SyntaxError{file, line, 1, fmt.Sprintf("column %d is %.40q where %s is wanted: no memfile of "+
				"kea-dhcp4; from a database, dump one with kea-admin lease-dump", i+1, got[i], want[i])}
		}
	}
	if len(got) < leaseColumnsMin {
		return 0, &SyntaxError{file, line, 1, fmt.Sprintf("%d columns, at least %d: no memfile of kea-dhcp4",
			len(got), leaseColumnsMin)}
	}
	return len(got), nil
}

// row reads one row. A row that cannot be read is left behind, and said so.
func (s *Leases) row(file string, line int, text string) {
	l := Lease{File: file, Line: line}
	deleted, err := l.parse(strings.Split(text, ","), s)
	switch {
	case err != nil:
		s.say(&l, importer.Left, err.Error(), "its client may be using the address: exclude it until that is known")
	case deleted:
		delete(s.byAddr, l.Addr)
	default:
		s.byAddr[l.Addr] = l
	}
	s.rows++
}

func (s *Leases) say(l *Lease, v importer.Verdict, why, todo string) {
	element := "lease"
	if l.Addr.IsValid() {
		element += " " + l.Addr.String()
	}
	s.Report.Entries = append(s.Report.Entries, importer.Entry{
		File: l.File, Line: l.Line, Column: 1, Element: element, Verdict: v, Why: why, Todo: todo,
	})
}

// parse reads the columns of a row. A row with the lifetime 0 says that the lease was deleted.
func (l *Lease) parse(f []string, s *Leases) (deleted bool, err error) {
	if len(f) < leaseColumnsMin {
		return false, fmt.Errorf("%d columns, at least %d: cut off?", len(f), leaseColumnsMin)
	}
	if l.Addr, err = netip.ParseAddr(f[0]); err != nil || !l.Addr.Is4() {
		return false, fmt.Errorf("%.40q is no IPv4 address", f[0])
	}
	if l.CHAddr, err = colonHex(f[1], 16); err != nil {
		return false, err
	}
	if l.ClientID, err = colonHex(f[2], 255); err != nil {
		return false, err
	}
	lifetime, err1 := strconv.ParseUint(f[3], 10, 32)
	expire, err2 := strconv.ParseInt(f[4], 10, 64)
	id, err3 := strconv.ParseUint(f[5], 10, 32)
	if err1 != nil || err2 != nil || err3 != nil || expire < 0 || expire > 1<<40 {
		return false, fmt.Errorf("lifetime %.20q, expire %.20q, subnet %.20q: no numbers that could be", f[3], f[4],
			f[5])
	}
	l.Lifetime, l.Expire, l.SubnetID = uint32(lifetime), expire, uint32(id)
	if f[6] == "1" || f[7] == "1" {
		s.dns++
	}
	l.hostname(f[8], s)
	state, context := "0", ""
	if len(f) > 9 && f[9] != "" {
		state = f[9]
	}
	if len(f) > 10 {
		context = unescape(f[10])
	}
	l.relayInfo(context, s)
	n, err := strconv.ParseUint(state, 10, 8)
	if err != nil || n > stateReleased {
		return false, fmt.Errorf("state %.20q: one of 0 to %d", state, stateReleased)
	}
	l.Declined = n == stateDeclined
	if l.Lifetime != 0 && l.Key() == "" && !l.Declined {
		return false, fmt.Errorf("neither hwaddr nor client_id: nobody's lease")
	}
	if l.Lifetime != 0 && len(l.CHAddr) > 0 && len(l.CHAddr) != 6 && len(l.ClientID) == 0 {
		s.say(l, importer.Changed, "no type of the hardware address in the file: taken as Ethernet's", "")
	}
	return l.Lifetime == 0, nil
}

// colonHex reads octets as in 02:67:00. Declined addresses have none.
func colonHex(s string, most int) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(b) > most {
		return nil, fmt.Errorf("%.60q: no octets as in 02:67:00:00:00:01, at most %d", s, most)
	}
	return b, nil
}

// unescape reads a text with &#x2c in the place of what CSV cannot hold. What is none stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, "&#x") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], "&#x") && i+5 <= len(s) {
			if o, err := hex.DecodeString(s[i+3 : i+5]); err == nil {
				b.WriteByte(o[0])
				i += 4
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// hostname reads a host name. One that would harm those who show it is left behind.
func (l *Lease) hostname(s string, all *Leases) {
	name := strings.TrimSuffix(unescape(s), ".")
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }
	if len(name) > 255 || strings.ContainsFunc(name, bad) {
		all.say(l, importer.Changed, "taken without its host name, which is too long or no text", "")
		return
	}
	l.Hostname = name
}

// relayInfo reads what the relay agent said from the user context: {"ISC": {"relay-agent-info": …}}, as an
// object with sub-options, or of old as the octets alone. Whatever else is in it stays behind.
func (l *Lease) relayInfo(context string, s *Leases) {
	if context == "" {
		return
	}
	root, _, err := parse(l.File, []byte(context), func(string, string) (string, []byte, error) {
		return "", nil, fmt.Errorf("not in a lease")
	})
	if err != nil {
		s.say(l, importer.Changed, "taken without its user context, which is no JSON", "")
		return
	}
	info := root.get("ISC").get("relay-agent-info")
	if inner := info.get("sub-options"); inner != nil {
		info = inner
	}
	if info == nil || info.form != isText {
		s.say(l, importer.Changed, "taken without its user context", "")
		return
	}
	octets, err := parseOctets(info.text)
	if err != nil || len(octets) > 4096 {
		s.say(l, importer.Changed, "taken without what the relay agent said, which is no hex", "")
		return
	}
	l.RelayInfo = octets
}

// All returns the leases by ascending address.
func (s *Leases) All() []Lease {
	out := make([]Lease, 0, len(s.byAddr))
	for _, l := range s.byAddr {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Lease) int { return a.Addr.Compare(b.Addr) })
	return out
}

// Rows returns how many rows were read.
func (s *Leases) Rows() int { return s.rows }

// InDNS returns how many rows say that Kea put a name into the DNS.
func (s *Leases) InDNS() int { return s.dns }

// LastHeard returns when the last client was told, in seconds since 1970; 0 if there are no leases. It
// cannot lie in the future, unless two clocks differ.
func (s *Leases) LastHeard() int64 {
	var last int64
	for _, l := range s.byAddr {
		last = max(last, l.Heard())
	}
	return last
}

// LeaseWriter writes leases as a memfile that Kea reads.
type LeaseWriter struct{ w *bufio.Writer }

// NewLeaseWriter writes the header. Its error comes from Flush.
func NewLeaseWriter(w io.Writer) *LeaseWriter {
	b := bufio.NewWriter(w)
	_, _ = b.WriteString(leaseColumns + "\n") // The first error stays, and Flush tells of it.
	return &LeaseWriter{b}
}

// Write adds a lease. All columns are written, which Kea reads since 2.4.
func (w *LeaseWriter) Write(l *Lease) {
	state := stateAssigned
	if l.Declined {
		state = stateDeclined
	}
	context := ""
	if len(l.RelayInfo) > 0 {
		context = fmt.Sprintf(`{ "ISC": { "relay-agent-info": { "sub-options": "0x%X" } } }`, l.RelayInfo)
	}
	_, _ = fmt.Fprintf(w.w, "%s,%s,%s,%d,%d,%d,0,0,%s,%d,%s,0\n", l.Addr, withColons(l.CHAddr),
		withColons(l.ClientID), l.Lifetime, l.Expire, l.SubnetID, escape(strings.ToLower(l.Hostname)), state,
		escape(context))
}

// Flush ends the file.
func (w *LeaseWriter) Flush() error { return w.w.Flush() }

func withColons(octets []byte) string {
	words := make([]string, len(octets))
	for i, o := range octets {
		words[i] = hex.EncodeToString([]byte{o})
	}
	return strings.Join(words, ":")
}

// escape writes what CSV cannot hold as &#x2c.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ',' || c == '&' {
			fmt.Fprintf(&b, "&#x%02x", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
