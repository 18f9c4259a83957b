package sim

import "time"

// net4 is what lies between nodes, and between nodes and clients.
type net4 struct {
	w *world
	// lost and doubled say how many of a thousand messages are.
	lost, doubled int
	// slow is the longest delay of a usual message; one in slowIn takes up to slowest.
	slow, slowest time.Duration
	slowIn        int
	// cut says that nothing goes from one place to another; places are nodes by index, and clients.
	cut map[[2]int]bool
}

// outside is the place of all clients and relay agents.
const outside = -1

// pass has do happen at another place after a while, or twice, or never.
func (n *net4) pass(from, to int, do func()) {
	if n.cut[[2]int{from, to}] || n.w.permille(n.lost) {
		return
	}
	n.w.after(n.delay(), func() {
		if !n.cut[[2]int{from, to}] {
			do()
		}
	})
	if n.w.permille(n.doubled) {
		n.w.after(n.delay(), do)
	}
}

func (n *net4) delay() time.Duration {
	if n.w.in(n.slowIn) {
		return n.w.between(n.slow, n.slowest)
	}
	return n.w.between(50*time.Microsecond, n.slow)
}

// sever cuts the way from a to b, and the way back unless it is one-way.
func (n *net4) sever(a, b int, oneWay bool) {
	n.cut[[2]int{a, b}] = true
	if !oneWay {
		n.cut[[2]int{b, a}] = true
	}
}

func (n *net4) heal() { clear(n.cut) }
