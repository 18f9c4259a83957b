package lab

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Capture is a running tshark that writes what an interface sees to a file.
type Capture struct {
	File string // pcapng
	cmd  *exec.Cmd
}

// StartCapture records the DHCP packets that pass ifname of h until Stop.
func (l *Lab) StartCapture(ctx context.Context, h *Host, ifname string) (*Capture, error) {
	file := filepath.Join(l.dir, fmt.Sprintf("%s-%s.pcapng", h.Name, ifname))
	return l.startCapture(ctx, h.Space, ifname, file)
}

// CaptureLink records the DHCP packets of a whole link, whoever sends them to whomever, until Stop.
func (l *Lab) CaptureLink(ctx context.Context, link Link) (*Capture, error) {
	file := filepath.Join(l.dir, string(link)+".pcapng")
	return l.startCapture(ctx, l.switchSpace(), string(link), file)
}

func (l *Lab) startCapture(ctx context.Context, space, ifname, file string) (*Capture, error) {
	h := &Host{Name: space, Space: space, lab: l}
	// A bridge whose interface listens to everything is shown what it forwards between its ports.
	cmd := h.Command(context.WithoutCancel(ctx), "tshark", "-q", "-i", ifname, "-w", file,
		"-f", "udp port 67 or udp port 68")
	var said syncBuffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("tshark: %w (Debian package tshark)", err)
	}
	err := Poll(ctx, "capture on "+ifname, 20*time.Second, func(context.Context) error {
		if text := said.String(); !strings.Contains(text, "Capture started") {
			return fmt.Errorf("tshark said %q", text)
		}
		return nil
	})
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	return &Capture{File: file, cmd: cmd}, nil
}

// Stop ends the recording and waits until the file is whole.
func (c *Capture) Stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	return c.cmd.Wait()
}

// Filter returns the packets of the recording that a display filter of tshark selects, one line each; fields
// names what to print of them, or nothing for tshark's own summary.
func (c *Capture) Filter(ctx context.Context, filter string, fields ...string) ([]string, error) {
	args := []string{"-n", "-r", c.File, "-Y", filter}
	if len(fields) > 0 {
		args = append(args, "-T", "fields")
		for _, f := range fields {
			args = append(args, "-e", f)
		}
	}
	out, err := exec.CommandContext(ctx, "tshark", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("tshark -Y %q: %w", filter, err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.TrimRight(line, "\n"))
	}
	return lines, nil
}
