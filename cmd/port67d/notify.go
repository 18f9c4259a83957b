package main

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// notifier tells the service manager how the node is: lines to the datagram socket that NOTIFY_SOCKET names.
// Without one it does nothing.
type notifier struct{ socket string }

// tell sends states, as in READY=1, in one datagram. Nobody depends on it, so an error is only returned.
func (n notifier) tell(states string) error {
	if n.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer conn.Close()
	_, err = conn.Write([]byte(states))
	return err
}

// watchdogEvery returns how often the service manager wants to hear from us: half of WATCHDOG_USEC, and false
// if it does not watch, or watches another process (WATCHDOG_PID).
func watchdogEvery(usec, watched string, pid int) (time.Duration, bool) {
	n, err := strconv.ParseUint(usec, 10, 62)
	if err != nil || n == 0 || (watched != "" && watched != strconv.Itoa(pid)) {
		return 0, false
	}
	return max(time.Duration(n)*time.Microsecond/2, time.Millisecond), true
}
