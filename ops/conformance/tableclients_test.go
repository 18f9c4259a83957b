package conformance

func matched() []Vector { return nil }
func clients() []Vector { return nil }
