package sim

import (
	"container/heap"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"time"
)

// world is virtual time: one queue of what will happen, one source of chance, and a record of what did. True
// time is the span since it began; nobody in it but the judge may look at that.
type world struct {
	now     time.Duration
	queue   agenda
	serial  uint64
	chance  *rand.Rand
	running *task
	trace   trace
}

func newWorld(seed uint64) *world {
	return &world{chance: rand.New(rand.NewPCG(seed, 0x5eed)), trace: newTrace()}
}

// happening is something that will happen.
type happening struct {
	at     time.Duration
	serial uint64 // of two at one moment the one that was planned first
	do     func()
}

// after plans do for d from now.
func (w *world) after(d time.Duration, do func()) {
	w.serial++
	heap.Push(&w.queue, happening{w.now + max(0, d), w.serial, do})
}

// run lets things happen until true time is end, or stop says so.
func (w *world) run(end time.Duration, stop func() bool) {
	for len(w.queue) > 0 && w.queue[0].at <= end && !stop() {
		h := heap.Pop(&w.queue).(happening)
		w.now = h.at
		h.do()
	}
	if !stop() {
		w.now = end
	}
}

// between draws a span from low to high.
func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.chance.Int64N(int64(high-low)+1))
}

// in says true once in n.
func (w *world) in(n int) bool { return n > 0 && w.chance.IntN(n) == 0 }

// ppm draws how much a clock runs fast.
func (w *world) ppm() int64 { return w.chance.Int64N(2*ppmMax+1) - ppmMax }

// permille says true n times in a thousand.
func (w *world) permille(n int) bool { return w.chance.IntN(1000) < n }

// task is an exchange of the product that can be held wherever it calls a port. Only one runs at a time.
type task struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	ended bool
}

// killed ends a task whose node has died: it unwinds the product's stack.
type killed struct{}

// begin runs f as a task until it waits for the first time.
func (w *world) begin(f func()) *task {
	t := &task{}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if cause := recover(); cause != nil && cause != any(killed{}) {
				panic(cause)
			}
		}()
		t.yield = yield
		f()
	})
	w.resume(t)
	return t
}

// resume lets t go on until it waits again or ends.
func (w *world) resume(t *task) {
	if t.ended {
		return
	}
	before := w.running
	w.running = t
	_, more := t.next()
	t.ended = !more
	w.running = before
}

// kill ends t where it stands.
func (w *world) kill(t *task) {
	if !t.ended {
		t.ended = true
		t.stop()
	}
}

// ticket is a place where a task waits.
type ticket struct {
	w    *world
	task *task
	open bool
}

// ticket returns one for the task that runs.
func (w *world) ticket() *ticket { return &ticket{w: w, task: w.running, open: true} }

// wait holds the task that runs until the ticket is called or true time is until.
func (k *ticket) wait(until time.Duration) {
	k.w.after(until-k.w.now, k.call)
	if !k.task.yield(struct{}{}) {
		panic(killed{})
	}
}

// call lets the task of the ticket go on, in a moment of its own.
func (k *ticket) call() {
	if k.open {
		k.open = false
		k.w.after(0, func() { k.w.resume(k.task) })
	}
}

// sleep holds the task that runs for d.
func (w *world) sleep(d time.Duration) { w.ticket().wait(w.now + d) }

// bounded is a context with an end in true time.
type bounded struct {
	context.Context
	until time.Duration
}

// untilOf returns the end of a context, and a time that never comes if it has none.
func untilOf(ctx context.Context) time.Duration {
	if b, ok := ctx.(bounded); ok {
		return b.until
	}
	return 1 << 62
}

// trace is what happened: a hash of all of it, and the last of it in words.
type trace struct {
	sum     uint64
	count   int
	last    [linesKept]string
	verbose func(string)
}

// linesKept is how many of the last happenings a failure shows.
const linesKept = 60

func newTrace() trace { return trace{sum: 14695981039346656037} }

// note records that something happened.
func (w *world) note(format string, args ...any) {
	line := fmt.Sprintf("%12.6f  ", w.now.Seconds()) + fmt.Sprintf(format, args...)
	t := &w.trace
	for i := range len(line) { // FNV-1a
		t.sum = (t.sum ^ uint64(line[i])) * 1099511628211
	}
	t.last[t.count%linesKept] = line
	t.count++
	if t.verbose != nil {
		t.verbose(line)
	}
}

// tail returns the last lines, the oldest first.
func (t *trace) tail() string {
	var b strings.Builder
	for i := max(0, t.count-linesKept); i < t.count; i++ {
		b.WriteString(t.last[i%linesKept] + "\n")
	}
	return b.String()
}

// agenda is a heap of happenings.
type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].serial < a[j].serial
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	old[len(old)-1] = happening{}
	*a = old[:len(old)-1]
	return last
}
