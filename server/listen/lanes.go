package listen

import (
	"encoding/binary"
	"hash/maphash"
	"slices"

	"port67/server/wire4"
)

// laneCount is into how many lanes the paths by which datagrams come are divided.
const laneCount = 256

// laneSeed makes it impossible to choose a relay agent's address that shares a lane with another.
var laneSeed = maphash.MakeSeed()

// laneOf returns the lane of a datagram: that of its relay agent, or of the interface of direct clients.
// Paths that share one by chance share their turns.
func laneOf(p *packet) uint8 {
	var path [8]byte
	giaddr := wire4.GIAddr(p.in.Payload).As4()
	copy(path[:], giaddr[:])
	if giaddr == [4]byte{} {
		binary.BigEndian.PutUint32(path[4:], uint32(p.in.Ingress.IfIndex))
	}
	return uint8(maphash.Bytes(laneSeed, path[:]) % laneCount)
}

// lanes is datagrams of one urgency that wait. Each path has its lane, and the lanes take turns, so that what
// comes through one relay agent waits behind its like and not in front of everybody.
type lanes struct {
	lane  [laneCount][]*packet // the oldest first
	turns []uint8              // the lanes that are not empty, in the order of their turns
	count int
}

func (l *lanes) waiting() int { return l.count }

// add lets p wait in a lane.
func (l *lanes) add(lane uint8, p *packet) {
	if len(l.lane[lane]) == 0 {
		l.turns = append(l.turns, lane)
	}
	l.lane[lane] = append(l.lane[lane], p)
	l.count++
}

// next takes the oldest of the lane whose turn it is. There must be one.
func (l *lanes) next() *packet {
	lane := l.turns[0]
	l.turns = l.turns[1:]
	p := l.take(lane)
	if len(l.lane[lane]) > 0 {
		l.turns = append(l.turns, lane)
	}
	return p
}

// shed takes the oldest of the lane in which most wait. There must be one.
func (l *lanes) shed() *packet {
	longest := l.turns[0]
	for _, lane := range l.turns {
		if len(l.lane[lane]) > len(l.lane[longest]) {
			longest = lane
		}
	}
	p := l.take(longest)
	if len(l.lane[longest]) == 0 {
		l.turns = slices.DeleteFunc(l.turns, func(lane uint8) bool { return lane == longest })
	}
	return p
}

func (l *lanes) take(lane uint8) *packet {
	p := l.lane[lane][0]
	l.lane[lane][0] = nil
	l.lane[lane] = l.lane[lane][1:]
	l.count--
	return p
}
