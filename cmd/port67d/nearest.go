package main

import (
	"slices"
	"strings"

	"port67/storage/config"
)

// variablePrefix begins the names of the variables that are ours.
const variablePrefix = "PORT67_"

// toolVariable begins like one of ours, but is dhcpctl's.
const toolVariable = "PORT67_CONTEXT"

// unknownVariables returns a problem for each variable of the environment that begins like one of ours and is
// none: it was meant to set something, and would not.
func unknownVariables(environ []string) settingProblems {
	var names []string
	for _, k := range settingKeys() {
		names = append(names, k.env())
	}
	var problems settingProblems
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, variablePrefix) || slices.Contains(names, name) || name == toolVariable {
			continue
		}
		text := "unknown variable; known are " + strings.Join(names, ", ")
		if near := nearest(name, names); near != "" {
			text = "unknown variable; did you mean " + near + "?"
		}
		problems = append(problems, settingProblem{Origin: name, Text: text})
	}
	return problems
}

// nearest returns the word of list that is at most two letters away from the last part of key, or "".
func nearest(key string, list []string) string {
	best, bestAway := "", 3
	for _, candidate := range list {
		if d := config.EditDistance(key, candidate); d < bestAway {
			best, bestAway = candidate, d
		}
	}
	return best
}
