package option

import "fmt"

// ParseBool reads the words people use for yes and no.
func ParseBool(s string) (bool, error) {
	switch s {
	case "true", "on", "yes", "1":
		return true, nil
	case "false", "off", "no", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither on nor off", s)
}

// Suggest returns " (did you mean NAME?)" with the name nearest to word, or nothing if none is near: about
// one letter in three may differ.
func Suggest(word string, names []string) string {
	best, distance := "", (len(word)+4)/3
	for _, n := range names {
		if d := EditDistance(word, n); d < distance {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}

// EditDistance counts the octets to insert, delete or replace to make b of a. Words of more than 64 octets
// are far from everything.
func EditDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
