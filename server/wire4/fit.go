package wire4

import (
	"math"
	"slices"

	"port67/server/dhcp4"
)

// field is a part of a message that can carry options, with what has been put into it.
type field struct {
	data []byte
	room int // octets left
}

// fields are all of them, in the order in which a client reads them (RFC 3396 §5). A field with no room is
// not used.
type fields struct{ options, file, sname field }

// fit lays out the options of m where they do not all fit into room octets of the options field. It uses no
// more fields and drops no more options than it must.
func fit(m *dhcp4.Message, room int) (f fields, dropped []uint8) {
	keep := slices.DeleteFunc(slices.Clone(m.Options), func(o dhcp4.ReplyOption) bool {
		return o.Code == optRelayAgentInfo
	})
	for {
		if f, ok := layOut(m, keep, room); ok {
			return f, dropped
		}
		i := leastWanted(keep)
		if i < 0 {
			f.options.room = math.MaxInt
			f.put(keep)
			return f, dropped
		}
		dropped = append(dropped, keep[i].Code)
		keep = slices.Delete(keep, i, i+1)
	}
}

// leastWanted returns the index of the option that is dropped first, or −1 if all must be kept.
func leastWanted(options []dhcp4.ReplyOption) int {
	worst := -1
	for i, o := range options {
		if o.Rank != dhcp4.RankKeep && (worst < 0 || o.Rank >= options[worst].Rank) {
			worst = i
		}
	}
	return worst
}

// layOut puts options into as few fields as will hold them, and says whether they all found room.
func layOut(m *dhcp4.Message, options []dhcp4.ReplyOption, room int) (fields, bool) {
	f := fields{options: field{room: room}}
	if f.put(options) {
		return f, true
	}
	if m.Type == 0 || m.NoOverload {
		return f, false
	}
	fileRoom, snameRoom := fileLen-1, snameLen-1 // An End option closes each.
	if m.File != "" {
		fileRoom = 0
	}
	if m.SName != "" {
		snameRoom = 0
	}
	for _, snameRoom := range []int{0, snameRoom} {
		f = fields{
			options: field{room: room - overloadLen},
			file:    field{room: fileRoom},
			sname:   field{room: snameRoom},
		}
		if f.put(options) {
			f.close()
			return f, true
		}
	}
	return f, false
}

// put places options in order, each whole into the first field that has room for it: a small option may so
// come before a larger one, but of equals the order stays. A value of more than 255 octets is laid across the
// fields in pieces. It says whether all options found room.
func (f *fields) put(options []dhcp4.ReplyOption) bool {
	all := [...]*field{&f.options, &f.file, &f.sname}
	for _, o := range options {
		rest, placed := o.Data, false
		for _, d := range all {
			if need := optionLen(len(rest)); need <= d.room {
				d.data = appendOption(d.data, o.Code, rest)
				d.room -= need
				placed = true
				break
			}
			for len(o.Data) > pieceMax && d.room > 2 {
				n := min(pieceMax, d.room-2, len(rest))
				d.data = appendOption(d.data, o.Code, rest[:n])
				d.room -= n + 2
				rest = rest[n:]
			}
		}
		if !placed {
			return false
		}
	}
	return true
}

// close ends the fields that carry options and says in option 52 which ones they are. Option 52 is the last
// in the options field but for relay agent information.
func (f *fields) close() {
	used := uint8(0)
	if len(f.file.data) > 0 {
		used |= overloadFile
		f.file.data = append(f.file.data, optEnd)
	}
	if len(f.sname.data) > 0 {
		used |= overloadSName
		f.sname.data = append(f.sname.data, optEnd)
	}
	f.options.data = append(f.options.data, optOverload, 1, used)
}
