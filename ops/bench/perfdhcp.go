package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// figures are what a ramp found.
type figures struct {
	clean, peak int
	offer, ack  string // mean delays at the clean rate
}

// one is one run of perfdhcp at one rate.
type one struct {
	completed  int // exchanges in a second
	offerDrops float64
	ackDrops   float64
	offer, ack string
}

// cleanDrops is the share of unanswered messages that still counts as clean, in percent.
const cleanDrops = 0.1

// ramp raises the rate until the server completes clearly less than it is asked for. Between the last clean
// rate and the first that is not it looks twice in the middle.
func ramp(ctx context.Context, name string, b *bed, opts options) (figures, error) {
	var f figures
	try := func(rate int) (clean bool, o one, err error) {
		o, err = perfdhcp(ctx, b, rate, opts)
		if err != nil {
			return false, o, err
		}
		clean = o.offerDrops <= cleanDrops && o.ackDrops <= cleanDrops
		if opts.verbose {
			fmt.Printf("%-26s rate %6d: %6d/s, drops %.2f %% and %.2f %%, means %s and %s\n", name, rate, o.completed,
				o.offerDrops, o.ackDrops, o.offer, o.ack)
		}
		f.peak = max(f.peak, o.completed)
		if clean && rate > f.clean {
			f.clean, f.offer, f.ack = rate, o.offer, o.ack
		}
		return clean, o, nil
	}
	low, high := 0, 0
	for rate := opts.first; rate <= opts.last; rate = rate * 3 / 2 {
		clean, o, err := try(rate)
		if err != nil {
			return f, err
		}
		if clean {
			low = rate
			continue
		}
		if high == 0 {
			high = rate
		}
		if o.completed < rate*7/10 {
			break
		}
	}
	for range 2 {
		if low == 0 || high <= low {
			break
		}
		middle := (low + high) / 2
		clean, _, err := try(middle)
		if err != nil {
			return f, err
		}
		if clean {
			low = middle
		} else {
			high = middle
		}
	}
	return f, nil
}

// runs counts the runs of perfdhcp, so that every run has clients of its own.
var runs int

// perfdhcp holds one rate for a while. Its exit status 3 says that some exchanges were not completed, which is
// what we want to know and no error.
func perfdhcp(ctx context.Context, b *bed, rate int, opts options) (one, error) {
	runs++
	args := []string{
		"-4", "-r", strconv.Itoa(rate), "-R", strconv.Itoa(1 << 22), "-g", "single", "-W", "1000000",
		"-p", strconv.Itoa(int(opts.period.Seconds())), "-b", fmt.Sprintf("mac=02:%02x:00:00:00:00", runs%256),
		b.target,
	}
	out, err := b.client.Exec(ctx, "perfdhcp", args...)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		return one{}, fmt.Errorf("perfdhcp %s: %w", strings.Join(args, " "), err)
	}
	return parse(out, opts.period)
}

var (
	gotPattern   = regexp.MustCompile(`received packets: ([0-9]+)`)
	dropsPattern = regexp.MustCompile(`drops ratio: ([0-9.]+) %`)
	delayPattern = regexp.MustCompile(`avg delay: ([0-9.]+ ms|n/a)`)
)

// parse reads perfdhcp's report: the figures of DISCOVER-OFFER come before those of REQUEST-ACK. Its own rate
// counts the wait for the last answers as time of the test; ours does not.
func parse(out string, period time.Duration) (one, error) {
	got := gotPattern.FindAllStringSubmatch(out, -1)
	drops := dropsPattern.FindAllStringSubmatch(out, -1)
	delay := delayPattern.FindAllStringSubmatch(out, -1)
	o := one{offer: "-", ack: "-", offerDrops: 100, ackDrops: 100}
	if len(got) != 2 {
		return o, fmt.Errorf("perfdhcp: no figures of both exchanges in its report:\n%s", out)
	}
	acks, err := strconv.Atoi(got[1][1])
	if err != nil {
		return o, fmt.Errorf("perfdhcp: received packets %q: %w", got[1][1], err)
	}
	o.completed = int(float64(acks) / period.Seconds())
	for i, to := range []*float64{&o.offerDrops, &o.ackDrops} {
		if i < len(drops) {
			if *to, err = strconv.ParseFloat(drops[i][1], 64); err != nil {
				return o, fmt.Errorf("perfdhcp: drops ratio %q: %w", drops[i][1], err)
			}
		}
	}
	for i, to := range []*string{&o.offer, &o.ack} {
		if i < len(delay) {
			*to = delay[i][1]
		}
	}
	return o, nil
}
