// Package e2e tests the program as it is shipped: the binary, its files and its
// sockets, on both databases.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	if text := os.Getenv(sent); text != "" {
		sendOnly(text)
	}
	dir, err := os.MkdirTemp("", "simurgh-e2e-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "simurgh")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", binary, "../cmd/simurgh")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	// These tests wait for other processes more than they compute; -parallel still wins.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// until waits for a condition; what says what is missing.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(20 * time.Millisecond); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// platform is where one test's platform lies.
type platform struct {
	data     string
	database string // empty for the embedded one
}

// command is the program with arguments, in a clean environment.
func (p platform) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Env = append(environment(), "SIMURGH_DATA="+p.data, "SIMURGH_DATABASE="+p.database)
	return cmd
}

// environment is that of the tests, without what would set flags.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SIMURGH_") })
}

// run runs a command that must succeed and decodes its document into answer.
func (p platform) run(t testing.TB, answer any, args ...string) {
	t.Helper()
	p.runWith(t, "", answer, args...)
}

func (p platform) runWith(t testing.TB, stdin string, answer any, args ...string) {
	t.Helper()
	cmd := p.command(append(args, "--json")...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewBufferString(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("simurgh %v: %v\n%s%s", args, err, out.Bytes(), errs.Bytes())
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(out.Bytes(), answer); err != nil {
		t.Fatalf("simurgh %v printed %q: %v", args, out.Bytes(), err)
	}
}
