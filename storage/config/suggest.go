package config

import "port67/storage/option"

// Suggest returns " (did you mean NAME?)" with the name nearest to word, or nothing if none is near.
func Suggest(word string, names []string) string { return option.Suggest(word, names) }

// EditDistance counts the octets to insert, delete or replace to make b of a.
func EditDistance(a, b string) int { return option.EditDistance(a, b) }

// ParseBool reads the words people use for yes and no.
func ParseBool(s string) (bool, error) { return option.ParseBool(s) }
