package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Moment is a moment of wall time in whole seconds since 1970, UTC. The zero Moment is none.
type Moment int64

// Period is when new clients are given addresses; an empty end is open. Whoever answers judges by its own
// clock, and the log by what the command says of it (adr/0020): the classes before@FROM and after@UNTIL,
// which have no definition.
type Period struct {
	From  Moment `json:"from,omitempty"`
	Until Moment `json:"until,omitempty"`
}

const (
	beforePrefix = "before@"
	afterPrefix  = "after@"
)

// guards returns what keeps clients out outside of p, as guards name it.
func (p Period) guards() []string {
	var out []string
	if p.From != 0 {
		out = append(out, notPrefix+beforePrefix+strconv.FormatInt(int64(p.From), 10))
	}
	if p.Until != 0 {
		out = append(out, notPrefix+afterPrefix+strconv.FormatInt(int64(p.Until), 10))
	}
	return out
}

// guardOf returns the guard of what is for these classes in that period.
func guardOf(classes []string, p Period) guard {
	g := compileGuard(classes)
	g.without = append(g.without, compileGuard(p.guards()).without...)
	return g
}

// DatedClass says that name is that of a class which holds for everybody, before at or from it on.
func DatedClass(name string) (at Moment, before, ok bool) {
	digits, before := strings.CutPrefix(name, beforePrefix)
	if !before {
		if digits, ok = strings.CutPrefix(name, afterPrefix); !ok {
			return 0, false, false
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return Moment(n), before, err == nil
}

// The days of the epoch of the civil calendar below, 1 March 0000, and of one of its cycles of 400 years.
const (
	epochDays = 719468
	cycleDays = 146097
	daySecs   = 86400
)

// MomentMax is the last second of the year 9999.
const MomentMax Moment = 253402300799

// daysOf returns the days from 1970 to a date of the Gregorian calendar. Years are counted from March, so
// that the leap day is the last.
func daysOf(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	fromMarch := (month + 9) % 12
	ofYear := (153*fromMarch+2)/5 + day - 1
	cycle, y := year/400, year%400
	return cycle*cycleDays + y*365 + y/4 - y/100 + ofYear - epochDays
}

// dateOf is the reverse of daysOf, for days from the year 0 on.
func dateOf(days int64) (year, month, day int64) {
	days += epochDays
	cycle, d := days/cycleDays, days%cycleDays
	y := (d - d/1460 + d/36524 - d/146096) / 365
	ofYear := d - (365*y + y/4 - y/100)
	fromMarch := (5*ofYear + 2) / 153
	day = ofYear - (153*fromMarch+2)/5 + 1
	month = fromMarch + 3
	year = y + cycle*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// String writes m as ParseMoment reads it, in UTC.
func (m Moment) String() string {
	year, month, day := dateOf(int64(m) / daySecs)
	secs := int64(m) % daySecs
	return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, secs/3600, secs/60%60, secs%60)
}

// ParseMoment reads a moment after 1970 in the form of RFC 3339, with its zone and in whole seconds:
// 2026-12-01T08:00:00Z, 2026-12-01T09:00:00+01:00.
func ParseMoment(s string) (Moment, error) {
	wrong := fmt.Errorf("%q is no moment: write as in 2026-12-01T08:00:00Z, or with +01:00 in the place of Z", s)
	const form = "0000-00-00T00:00:00"
	if len(s) <= len(form) {
		return 0, wrong
	}
	var part [6]int64
	field := 0
	for i, want := range []byte(form) {
		digit := s[i] >= '0' && s[i] <= '9'
		switch {
		case want == '0' && digit:
			part[field] = part[field]*10 + int64(s[i]-'0')
		case want != '0' && s[i] == want:
			field++
		default:
			return 0, wrong
		}
	}
	year, month, day, hour, minute, second := part[0], part[1], part[2], part[3], part[4], part[5]
	offset, ok := parseZone(s[len(form):])
	if !ok || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return 0, wrong
	}
	between := fmt.Errorf("%q: between the years 1970 and 9999", s)
	if year < 1969 { // 1969 with a zone may be 1970.
		return 0, between
	}
	days := daysOf(year, month, day)
	if y, m, d := dateOf(days); y != year || m != month || d != day {
		return 0, fmt.Errorf("%q: the month has no such day", s)
	}
	m := Moment(days*daySecs + hour*3600 + minute*60 + second - offset)
	if m <= 0 || m > MomentMax {
		return 0, between
	}
	return m, nil
}

// parseZone reads Z, or the difference to UTC as in +01:00, in seconds.
func parseZone(s string) (int64, bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) != len("+00:00") || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hours, err := strconv.ParseUint(s[1:3], 10, 8)
	minutes, err2 := strconv.ParseUint(s[4:6], 10, 8)
	if err != nil || err2 != nil || hours > 23 || minutes > 59 {
		return 0, false
	}
	offset := int64(hours*3600 + minutes*60)
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// period checks the ends of p.
func (v *validator) period(path string, p Period) {
	for _, end := range []struct {
		key string
		is  Moment
	}{{"from", p.From}, {"until", p.Until}} {
		if end.is < 0 || end.is > MomentMax {
			v.problem(path+"."+end.key, "%d: between the years 1970 and 9999", int64(end.is))
		}
	}
	if p.From != 0 && p.Until != 0 && p.Until <= p.From {
		v.problem(path+".until", "%s is not after %s, where it begins", p.Until, p.From)
	}
}

// period tells the ends of p.
func (f *flattener) period(parent string, p Period) {
	f.leaf(parent, "from", p.From != 0, p.From.String())
	f.leaf(parent, "until", p.Until != 0, p.Until.String())
}
