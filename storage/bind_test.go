package storage

import "testing"

func TestBind_RFC2131_3_1_DORA_V4_120(t *testing.T) {
	w := newWorld(t, office())
	a, refusal := w.view().Suitable(client(1), link, addr("10.67.0.12"), nil, nil)
	if refusal != Granted || a != addr("10.67.0.12") {
		t.Fatalf("Suitable = %v, %d; want the address asked for (V4-102)", a, refusal)
	}
	r := w.must(selecting(1, "10.67.0.12"))
	if r.Told != 3600 {
		t.Errorf("told %d s, want the default of 3600 (V4-070)", r.Told)
	}
	if got := r.Lease.Booked - w.s.clock; got != 7200 {
		t.Errorf("booked for %d s, want k·L = 7200", got)
	}
	if got := r.Lease.Reusable - r.Lease.Booked; got != 120+60+72 {
		t.Errorf("grace %d s, want 120 + 60 + 1 %% of 7200", got)
	}
}
