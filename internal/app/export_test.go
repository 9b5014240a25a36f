package app

import "time"

// Hurried makes the rounds of the server's crew short.
func (o Serving) Hurried() Serving {
	const short = 20 * time.Millisecond
	o.pauses = pauses{watch: short, stock: short, sweep: short, turn: short, rules: short, look: short}
	return o
}
