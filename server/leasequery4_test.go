package server

import (
	"testing"

	"port67/server/leasequery"
)

func TestOutcomes_OneForEachWhyOfLeaseQuery(t *testing.T) {
	seen := map[Outcome]leasequery.Why{}
	for w := leasequery.Answered; w <= leasequery.NoIdentifier; w++ {
		o := outcomeOfLeaseQuery(w)
		if other, ok := seen[o]; ok {
			t.Errorf("%v is the outcome of both %d and %d", o, other, w)
		}
		seen[o] = w
	}
}
