package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stages writes down what ends in which order.
type stages struct {
	mu   sync.Mutex
	list []string
}

func (s *stages) add(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, what)
}

func (s *stages) part(name string) part {
	return part{name, func(ctx context.Context) error {
		<-ctx.Done()
		s.add(name)
		return ctx.Err()
	}}
}

func (s *stages) lifecycle(leave func(context.Context) error) lifecycle {
	return lifecycle{
		agreement: s.part("agreement"), front: []part{s.part("listener")}, leave: leave,
		tell: func(states string) error { s.add(states); return nil },
		log:  slog.New(slog.DiscardHandler),
	}
}

// A planned stop drains first, closes the sockets then, and ends the agreement last (safety.md §4).
func TestLifecycle_SignalDrains(t *testing.T) {
	var s stages
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	err := s.lifecycle(func(context.Context) error { s.add("leave"); return nil }).run(t.Context(), signals)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"READY=1", "STOPPING=1\nSTATUS=draining", "leave", "listener", "agreement"}
	// READY is told while the signal may be on its way already.
	if i := slices.Index(s.list, "READY=1"); i >= 0 {
		s.list = append([]string{"READY=1"}, slices.Delete(s.list, i, i+1)...)
	}
	if !slices.Equal(s.list, want) {
		t.Errorf("stages %q, want %q", s.list, want)
	}
}

func TestLifecycle_SecondSignalStopsAtOnce(t *testing.T) {
	var s stages
	signals := make(chan os.Signal, 2)
	signals <- syscall.SIGTERM
	err := s.lifecycle(func(ctx context.Context) error {
		signals <- syscall.SIGTERM
		<-ctx.Done() // A cluster that does not answer.
		return ctx.Err()
	}).run(t.Context(), signals)
	if !errors.Is(err, errStopNow) {
		t.Errorf("ended with %v, want %v", err, errStopNow)
	}
}

func TestLifecycle_FailureEndsAll(t *testing.T) {
	var s stages
	broken := errors.New("disk: no space left")
	l := s.lifecycle(func(context.Context) error { t.Error("left"); return nil })
	l.agreement = part{"agreement", func(context.Context) error { return broken }}
	if err := l.run(t.Context(), nil); !errors.Is(err, broken) {
		t.Errorf("ended with %v, want %v", err, broken)
	}
	if !slices.Contains(s.list, "listener") {
		t.Error("the listener went on")
	}
}

func TestNotifier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := (notifier{path}).tell("READY=1"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, err := conn.Read(buf)
	if err != nil || string(buf[:n]) != "READY=1" {
		t.Errorf("the service manager heard %q, %v", buf[:n], err)
	}
	if err := (notifier{}).tell("READY=1"); err != nil {
		t.Errorf("without a service manager: %v", err)
	}
}

func TestWatchdogEvery(t *testing.T) {
	tests := []struct {
		usec, pid string
		want      time.Duration
		ok        bool
	}{
		{"", "", 0, false},
		{"30000000", "", 15 * time.Second, true},
		{"30000000", "42", 15 * time.Second, true},
		{"30000000", "43", 0, false},
		{"soon", "", 0, false},
		{"0", "", 0, false},
	}
	for _, tt := range tests {
		got, ok := watchdogEvery(tt.usec, tt.pid, 42)
		if got != tt.want || ok != tt.ok {
			t.Errorf("watchdogEvery(%q, %q, 42) = %v, %v; want %v, %v", tt.usec, tt.pid, got, ok, tt.want, tt.ok)
		}
	}
}
