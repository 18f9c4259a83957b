// Package recent holds a map that remembers so many keys and no more. When it is full, the key that came
// first goes out for a new one, however often it was asked for since: who floods it costs others what is
// remembered of them, but never memory.
//
// This package is pure.
package recent

import "iter"

// Map remembers the last keys that came in, each with a value. It is not safe for use by several goroutines
// at once.
type Map[K comparable, V any] struct {
	values map[K]V
	order  []K // as they came in, a ring once it is full
	oldest int // in order
	max    int
}

// NewMap returns a Map for so many keys, at least one.
func NewMap[K comparable, V any](limit int) *Map[K, V] {
	return &Map[K, V]{values: make(map[K]V), max: max(limit, 1)}
}

// Get returns the value of a key, and whether the key is there.
func (m *Map[K, V]) Get(k K) (V, bool) {
	v, ok := m.values[k]
	return v, ok
}

// Put sets the value of a key. A key that is there stays as old as it was.
func (m *Map[K, V]) Put(k K, v V) {
	if _, there := m.values[k]; !there {
		m.enter(k)
	}
	m.values[k] = v
}

// enter makes room for a key that is not there.
func (m *Map[K, V]) enter(k K) {
	if len(m.order) < m.max {
		m.order = append(m.order, k)
		return
	}
	delete(m.values, m.order[m.oldest])
	m.order[m.oldest] = k
	m.oldest = (m.oldest + 1) % m.max
}

// All returns the keys with their values, the oldest first.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i := range m.order {
			k := m.order[(m.oldest+i)%len(m.order)]
			if !yield(k, m.values[k]) {
				return
			}
		}
	}
}

// Len returns how many keys are there.
func (m *Map[K, V]) Len() int { return len(m.values) }
