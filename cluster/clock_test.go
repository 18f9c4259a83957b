package cluster

import "testing"

func TestMachineClock_Reads(t *testing.T) {
	a := machineClock{}.Now()
	b := machineClock{}.Now()
	if b.Raw < a.Raw || b.Boot < a.Boot || a.Wall <= 0 {
		t.Errorf("readings %+v, %+v", a, b)
	}
}
