package lease

import "math/bits"

// BucketSet is a set of buckets, as a bitmap.
type BucketSet [4]uint64

// AllBuckets returns the set of every bucket.
func AllBuckets() BucketSet { return BucketSet{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)} }

// Add puts b into s.
func (s *BucketSet) Add(b uint8) { s[b>>6] |= 1 << (b & 63) }

// Has says whether b is in s.
func (s *BucketSet) Has(b uint8) bool { return s[b>>6]&(1<<(b&63)) != 0 }

// Len returns the number of buckets in s.
func (s *BucketSet) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// from returns the smallest bucket of s that is not below b.
func (s *BucketSet) from(b int) (int, bool) {
	for ; b < Buckets; b = b&^63 + 64 {
		if w := s[b>>6] >> (b & 63); w != 0 {
			return b + bits.TrailingZeros64(w), true
		}
	}
	return 0, false
}

// and returns the buckets that are in both s and o.
func (s *BucketSet) and(o *BucketSet) BucketSet {
	return BucketSet{s[0] & o[0], s[1] & o[1], s[2] & o[2], s[3] & o[3]}
}

// remove takes b out of s.
func (s *BucketSet) remove(b uint8) { s[b>>6] &^= 1 << (b & 63) }
