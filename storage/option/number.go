package option

import (
	"fmt"
	"strconv"
)

// widthOf returns the number of bits of a numeric kind.
func widthOf(k Kind) int {
	switch k {
	case Uint8, Int8:
		return 8
	case Uint16, Int16:
		return 16
	case Uint64:
		return 64
	}
	return 32
}

// signed says whether numbers of kind k may be negative.
func (k Kind) signed() bool { return k == Int8 || k == Int16 || k == Int32 }

// rangeOf says which numbers are of kind k.
func rangeOf(k Kind) string {
	bits := widthOf(k)
	if k.signed() {
		return fmt.Sprintf("%d to %d", -(int64(1) << (bits - 1)), int64(1)<<(bits-1)-1)
	}
	return fmt.Sprintf("0 to %d", ^uint64(0)>>(64-bits))
}

func appendNumber(b []byte, k Kind, s string) ([]byte, error) {
	bits := widthOf(k)
	var v uint64
	var err error
	if k.signed() {
		var signed int64
		signed, err = strconv.ParseInt(s, 0, bits)
		v = uint64(signed)
	} else {
		v, err = strconv.ParseUint(s, 0, bits)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is no %s: %s", s, k, rangeOf(k))
	}
	for shift := bits - 8; shift >= 0; shift -= 8 {
		b = append(b, byte(v>>shift))
	}
	return b, nil
}

func cutNumber(k Kind, b []byte) (string, []byte, error) {
	size := widthOf(k) / 8
	if len(b) < size {
		return "", nil, errShort
	}
	var v uint64
	for _, o := range b[:size] {
		v = v<<8 | uint64(o)
	}
	if unused := 64 - 8*size; k.signed() {
		return strconv.FormatInt(int64(v<<unused)>>unused, 10), b[size:], nil
	}
	return strconv.FormatUint(v, 10), b[size:], nil
}
