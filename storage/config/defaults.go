package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"port67/storage/lease"
)

// defaultSettings is what holds where nothing is configured.
//
//	lease      1 h, between 5 min and 24 h: short enough that an address comes back within the day, long
//	           enough that renewals are rare; option 51 is clamped to the bounds (RFC 2131 §4.3.1)
//	pressure   from 80 % of the pool on, where a lease time is set for that
//	T1, T2     one half and seven eighths of the lease time (RFC 2131 §4.4.5)
//	authoritative     a roaming client is told at once that its old address is wrong (RFC 2131 §4.3.2)
//	echo of option 61 RFC 6842 §3
//	identity          RFC 2131 §4.2, but firmware hands its address to what it boots (adr/0021)
//	layout            what RFC 1542 §2.1 and RFC 2131 §4.1 say, and no more
func defaultSettings() *Effective {
	return &Effective{
		LeaseDefault:  3600,
		LeaseMin:      300,
		LeaseMax:      86400,
		PressureAbove: 800,
		T1:            500,
		T2:            875,
		Authoritative: true,
		EchoClientID:  true,
		Layout: EffectiveLayout{
			OptionOverload: true, MinReplySize: replySizeMin, MaxReplySize: replySizeMax,
		},
		BOOTP:    defaultBOOTP(),
		Probe:    EffectiveProbe{TimeoutMillis: defaultProbeMillis},
		Identity: EffectiveIdentity{Match: MatchStrict, FirmwareHandover: true},
	}
}

// The defaults of what can only be said globally. The factor lets two renewals in a row be answered from one
// booking; the grace is twice the greatest clock error allowed (1 % in all) and two minutes for clients that
// count from the ACK instead of from their request; the pause is how long a machine may stand still unseen.
const (
	defaultFactorPercent               = 200
	defaultGrace         lease.Seconds = 120
	defaultGracePermille Permille      = 10
	defaultPause         lease.Seconds = 60
	defaultQuarantine    lease.Seconds = 86400
	defaultProbeMillis                 = 200
)

// withDefaults returns b with nothing unset.
func (b Booking) withDefaults() Booking {
	if b.FactorPercent == 0 {
		b.FactorPercent = defaultFactorPercent
	}
	if b.Grace == 0 {
		b.Grace = defaultGrace
	}
	if b.GracePermille == 0 {
		b.GracePermille = defaultGracePermille
	}
	if b.Pause == 0 {
		b.Pause = defaultPause
	}
	return b
}

func (d Decline) withDefaults() Decline {
	if d.Quarantine == 0 {
		d.Quarantine = defaultQuarantine
	}
	return d
}

func (m RenewalMode) withDefault() RenewalMode {
	if m == "" {
		return RenewalsLocal
	}
	return m
}

func (a Allocation) withDefault() Allocation {
	if a == "" {
		return AllocationSpread
	}
	return a
}

// Marshal returns c as it stands in log and snapshots: JSON, the same octets for the same Config.
func (c *Config) Marshal() ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return b, nil
}

// Unmarshal reads what Marshal wrote. It refuses fields that it does not know, because a node that left them
// out would answer otherwise than the others. It does not validate.
func Unmarshal(b []byte) (*Config, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	c := new(Config)
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("configuration: text after its end")
	}
	return c, nil
}
