package terminal

// Routes tells tests the method of every route, by the end of its path.
func Routes() map[string]string {
	out := map[string]string{}
	for name, r := range routes {
		out[name] = r.method()
	}
	return out
}
