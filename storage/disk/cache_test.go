package disk

import (
	"bytes"
	"testing"

	"github.com/hashicorp/raft"
)

// TestCache_G13_BoundedByNumberAndOctets: what the cache forgets is still read from the store.
func TestCache_G13_BoundedByNumberAndOctets(t *testing.T) {
	store := raft.NewInmemStore()
	c := newCache(store)
	big := bytes.Repeat([]byte{'x'}, cacheBytesMax/8)
	index := uint64(0)
	add := func(data []byte) {
		index++
		if err := c.StoreLog(&raft.Log{Index: index, Data: data}); err != nil {
			t.Fatal(err)
		}
		if c.bytes > cacheBytesMax {
			t.Fatalf("after entry %d: %d octets kept, at most %d", index, c.bytes, cacheBytesMax)
		}
	}
	for range 2 * cacheLen {
		add([]byte("small"))
	}
	if c.bytes != cacheLen*len("small") {
		t.Errorf("%d octets kept of small entries, want %d", c.bytes, cacheLen*len("small"))
	}
	for range 20 {
		add(big)
	}
	add([]byte("last"))
	for i := uint64(1); i <= index; i++ {
		var got raft.Log
		if err := c.GetLog(i, &got); err != nil || got.Index != i {
			t.Fatalf("entry %d: got %d, %v", i, got.Index, err)
		}
	}
}

// TestCache_DeletedEntriesAreGone: a suffix that another leader overwrites must not be read from memory.
func TestCache_DeletedEntriesAreGone(t *testing.T) {
	c := newCache(raft.NewInmemStore())
	for i := uint64(1); i <= 10; i++ {
		if err := c.StoreLog(&raft.Log{Index: i, Term: 1, Data: []byte("old")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.DeleteRange(6, 10); err != nil {
		t.Fatal(err)
	}
	var got raft.Log
	if err := c.GetLog(7, &got); err == nil {
		t.Errorf("entry 7 is still there: %v", got)
	}
	if err := c.StoreLog(&raft.Log{Index: 6, Term: 2, Data: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	if err := c.GetLog(6, &got); err != nil || got.Term != 2 {
		t.Errorf("entry 6: term %d, %v", got.Term, err)
	}
	if c.bytes != 5*3+3 {
		t.Errorf("%d octets counted, want 18", c.bytes)
	}
}
