package simapi

import (
	"maps"
	"slices"
)

// Operations lists the operations that have a permission.
func Operations() []string { return slices.Collect(maps.Keys(needs)) }

// SIMAnswer and SIMsAnswer are SIMs as they are sent.
type (
	SIMAnswer  = simAnswer
	SIMsAnswer = simsAnswer
)
