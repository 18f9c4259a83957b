package lease

// BucketSet is a set of buckets, as a bitmap.
type BucketSet [4]uint64

// AllBuckets returns the set of every bucket.
func AllBuckets() BucketSet { return BucketSet{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)} }

// Add puts b into s.
func (s *BucketSet) Add(b uint8) { s[b>>6] |= 1 << (b & 63) }

// Has says whether b is in s.
func (s *BucketSet) Has(b uint8) bool { return s[b>>6]&(1<<(b&63)) != 0 }
