package lease

import "testing"

func TestBucket_RFC3074_6_MixIsPermutation(t *testing.T) {
	var seen [256]bool
	for i, v := range loadBalanceMix {
		if seen[v] {
			t.Errorf("loadBalanceMix[%d] = %d stands there twice", i, v)
		}
		seen[v] = true
	}
}
