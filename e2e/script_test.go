package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script are the manual by example. Besides the usual
// commands they have:
//
//	[!] simurgh ARGS...    run the program; ! when it must fail
//	exits CODE ARGS...     run it, and hold its exit code
//	until RE ARGS...       run it again and again until it prints what matches
//	serve ARGS...          start a server on a free port; $URL is where it is
//	stop                   ask it to end, with SIGTERM; it must end well
//	get CODE PATH          read a page of the server, and hold its status
//	api METHOD [BODY]      call the Tigrillo API; the session is kept
//	json PATH VALUE        hold a value of the one document that was printed
//
// A PATH of json names fields and indexes with dots between, len for the length of
// a list. The VALUE is text or JSON; ? takes any but null.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	testscript.Run(t, scripts(files, func() string { return "" }))
}

// Those that say most about the database run on PostgreSQL as well.
func TestScriptsOnPostgres(t *testing.T) {
	t.Parallel()
	var files []string
	for _, name := range []string{"quickstart", "import", "sims", "tasks", "network", "reconcile", "bulk"} {
		files = append(files, filepath.Join("testdata", "script", name+".txtar"))
	}
	testscript.Run(t, scripts(files, func() string { return postgres(t) }))
}

func scripts(files []string, database func() string) testscript.Params {
	return testscript.Params{
		Files:              files,
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("SIMURGH_DATA", filepath.Join(e.WorkDir, "data"))
			e.Setenv("SIMURGH_DATABASE", database())
			e.Values["server"] = &scripted{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"simurgh": runSimurgh, "exits": runExits, "until": runUntil, "serve": runServe, "stop": runStop,
			"get": runGet, "api": runAPI, "json": runJSON, "keep": runKeep,
		},
	}
}

// scripted is the server of a script, and its session.
type scripted struct {
	node   *node
	cookie string
}

func runSimurgh(ts *testscript.TestScript, neg bool, args []string) {
	if err := ts.Exec(binary, args...); (err != nil) != neg {
		ts.Fatalf("simurgh %s: %v", strings.Join(args, " "), err)
	}
}

func runExits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](ts.Exec(binary, args[1:]...)); ok {
		code = exit.ExitCode()
	}
	if want := args[0]; strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

// runUntil repeats a command, or get of a path, until what is printed fits.
func runUntil(ts *testscript.TestScript, _ bool, args []string) {
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		out, err := printed(ts, args[1:])
		if err == nil && want.MatchString(out) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s: never printed %s, but (%v)\n%s", strings.Join(args[1:], " "), args[0], err, out)
		}
	}
}

func printed(ts *testscript.TestScript, args []string) (string, error) {
	if args[0] == "get" {
		_, body, err := serverOf(ts).node.get(args[1])
		return body, err
	}
	err := ts.Exec(binary, args...)
	return ts.ReadFile("stdout"), err
}

func serverOf(ts *testscript.TestScript) *scripted { return ts.Value("server").(*scripted) }

func runServe(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(binary, append([]string{"serve", "--json", "--http", "127.0.0.1:0"}, args...)...)
	for _, name := range []string{"PATH", "SIMURGH_DATA", "SIMURGH_DATABASE", "SIMURGH_LEASE", "SIMURGH_RECONCILE_EVERY"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	s := serverOf(ts)
	n, err := start(cmd)
	ts.Check(err)
	s.node = n
	ts.Setenv("URL", n.url)
	ts.Defer(func() { _ = n.stop(syscall.SIGKILL) })
}

func runStop(ts *testscript.TestScript, _ bool, _ []string) {
	s := serverOf(ts)
	if err := s.node.stop(syscall.SIGTERM); err != nil {
		ts.Fatalf("the server ended with %v\n%s", err, s.node.log)
	}
}

func runGet(ts *testscript.TestScript, _ bool, args []string) {
	code, body, err := serverOf(ts).node.get(args[1])
	ts.Check(err)
	_, _ = io.WriteString(ts.Stdout(), body)
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s: status %d, want %s\n%s", args[1], code, args[0], body)
	}
}

func runAPI(ts *testscript.TestScript, _ bool, args []string) {
	s := serverOf(ts)
	body := ""
	if len(args) > 1 {
		body = args[1]
	}
	r, err := http.NewRequest(http.MethodPost, s.node.url+"/Japi/Tigrillo/"+args[0], strings.NewReader(os.Expand(body, ts.Getenv)))
	ts.Check(err)
	r.Header.Set("Cookie", "PHPSESSID="+s.cookie)
	got, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer func() { _ = got.Body.Close() }()
	raw, err := io.ReadAll(got.Body)
	ts.Check(err)
	for _, c := range got.Cookies() {
		s.cookie = c.Value
	}
	_, _ = ts.Stdout().Write(raw)
}

// runKeep keeps what was printed in a variable.
func runKeep(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func runJSON(ts *testscript.TestScript, neg bool, args []string) {
	d := json.NewDecoder(bytes.NewReader([]byte(ts.ReadFile("stdout"))))
	d.UseNumber()
	var doc any
	ts.Check(d.Decode(&doc))
	if _, err := d.Token(); err != io.EOF {
		ts.Fatalf("more than one JSON document was printed")
	}
	got, err := walk(doc, args[0])
	ts.Check(err)
	text := fmt.Sprint(got)
	if _, ok := got.(string); !ok {
		raw, err := json.Marshal(got)
		ts.Check(err)
		text = string(raw)
	}
	if same := text == args[1] || args[1] == "?" && got != nil; same == neg {
		ts.Fatalf("%s is %s", args[0], text)
	}
}

// walk follows a path of fields and indexes.
func walk(doc any, path string) (any, error) {
	for step := range strings.SplitSeq(path, ".") {
		switch at := doc.(type) {
		case map[string]any:
			v, ok := at[step]
			if !ok {
				return nil, fmt.Errorf("there is no %s in %v", step, at)
			}
			doc = v
		case []any:
			if step == "len" {
				doc = json.Number(strconv.Itoa(len(at)))
				continue
			}
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(at) {
				return nil, fmt.Errorf("there is no %s in a list of %d", step, len(at))
			}
			doc = at[i]
		default:
			return nil, fmt.Errorf("%v has no %s", doc, step)
		}
	}
	return doc, nil
}
