// Command simurgh is the whole platform in one binary: the server, and the
// operator's commands, which work beside any number of running servers.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(untilSignal(), os.Args[1:])) }

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. A
// second one ends the program at once, with the exit code that a shell gives to
// what a signal killed.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		if s, ok := (<-signals).(syscall.Signal); ok {
			os.Exit(128 + int(s))
		}
	}()
	return ctx
}
