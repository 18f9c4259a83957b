package recent

import (
	"slices"
	"testing"
)

// there returns which of the keys below n are in m.
func there(m *Map[int, string], n int) (keys []int) {
	for k := range n {
		if _, ok := m.Get(k); ok {
			keys = append(keys, k)
		}
	}
	return keys
}

func TestMap_TheFirstGoesOutForANewKey(t *testing.T) {
	m := NewMap[int, string](3)
	for _, step := range []struct {
		put  int
		want []int
	}{
		{0, []int{0}},
		{1, []int{0, 1}},
		{2, []int{0, 1, 2}},
		{0, []int{0, 1, 2}}, // Known: nothing goes, and it is no younger for it.
		{3, []int{1, 2, 3}},
		{0, []int{0, 2, 3}},
		{4, []int{0, 3, 4}},
		{5, []int{0, 4, 5}},
		{6, []int{4, 5, 6}},
	} {
		m.Put(step.put, "x")
		for k, v := range m.All() {
			if v != "x" || !slices.Contains(step.want, k) {
				t.Errorf("after %d: All has %d with %q", step.put, k, v)
			}
		}
		if got := there(m, 10); !slices.Equal(got, step.want) || m.Len() != len(step.want) {
			t.Fatalf("after %d: %v, %d keys; want %v", step.put, got, m.Len(), step.want)
		}
	}
}

func TestMap_ValueOfAKnownKeyIsReplaced(t *testing.T) {
	m := NewMap[int, string](2)
	m.Put(1, "a")
	m.Put(1, "b")
	if v, ok := m.Get(1); v != "b" || !ok {
		t.Errorf("%q, %t; want b", v, ok)
	}
	if v, ok := m.Get(2); v != "" || ok {
		t.Errorf("%q, %t of a key that never came", v, ok)
	}
}

func TestMap_HoldsOneAtLeast(t *testing.T) {
	m := NewMap[int, string](0)
	m.Put(1, "a")
	m.Put(2, "b")
	if got := there(m, 3); !slices.Equal(got, []int{2}) {
		t.Errorf("%v, want the last", got)
	}
}

func TestMap_BoundedUnderAFlood(t *testing.T) {
	m := NewMap[int, string](100)
	for k := range 10_000 {
		m.Put(k, "")
	}
	if m.Len() != 100 || len(m.order) != 100 {
		t.Errorf("%d keys in a ring of %d, want 100", m.Len(), len(m.order))
	}
}
