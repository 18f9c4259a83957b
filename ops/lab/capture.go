package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// StartCapture records the DHCP and RARP packets that pass ifname of h until Stop.
func (l *Lab) StartCapture(ctx context.Context, h *Host, ifname string) (*Capture, error) {
	file := filepath.Join(l.dir, fmt.Sprintf("%s-%s.pcapng", h.Name, ifname))
	return l.startCapture(ctx, h.Space, ifname, file)
}

// CaptureLink records the DHCP and RARP packets of a whole link, whoever sends them to whomever, until Stop.
func (l *Lab) CaptureLink(ctx context.Context, link Link) (*Capture, error) {
	file := filepath.Join(l.dir, string(link)+".pcapng")
	return l.startCapture(ctx, l.switchSpace(), string(link), file)
}

func (l *Lab) startCapture(ctx context.Context, space, ifname, file string) (*Capture, error) {
	h := &Host{Name: space, Space: space, lab: l}
	// A bridge whose interface listens to everything is shown what it forwards between its ports.
	cmd := h.Command(context.WithoutCancel(ctx), "tshark", "-q", "-i", ifname, "-w", file,
		"-f", "udp port 67 or udp port 68 or rarp")
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

// quietLooks is for how many looks in a row a file must not have grown until Stop believes that everything
// that was heard is in it: the kernel hands packets on in blocks, up to a quarter of a second late.
const quietLooks = 6

// Stop ends the recording when all that was heard is written, and waits until the file is whole.
func (c *Capture) Stop() error {
	size, quiet := int64(-1), 0
	err := Poll(context.Background(), "the end of "+c.File, 20*time.Second, func(context.Context) error {
		info, err := os.Stat(c.File)
		switch {
		case err != nil:
			return err
		case info.Size() != size:
			size, quiet = info.Size(), 0
		default:
			quiet++
		}
		if quiet < quietLooks {
			return fmt.Errorf("still growing, %d octets", size)
		}
		return nil
	})
	if stopped := c.cmd.Process.Signal(syscall.SIGINT); stopped != nil {
		return stopped
	}
	return errors.Join(err, c.cmd.Wait())
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
