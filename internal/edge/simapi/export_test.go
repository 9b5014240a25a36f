package simapi

import (
	"maps"
	"slices"
)

// Operations lists the operations that have a permission.
func Operations() []string { return slices.Collect(maps.Keys(needs)) }
