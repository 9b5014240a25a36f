// Package house holds the shape of the code: which room may import which, and
// how long files and functions may grow.
package house

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/simurgh-iot/simurgh/"

// words do no I/O. Each may import those before it.
var words = []string{"fault", "ident", "money", "sim", "tenant", "plan", "usage", "event"}

// rooms says what each room may import besides the words; a trailing slash
// takes everything below. Nothing imports app but the commands and its tests.
var rooms = []struct {
	room string
	may  []string
}{
	{"internal/vault", nil},
	{"internal/batch", nil},
	{"internal/job", nil},
	{"internal/bulk", []string{"internal/job"}},
	{"internal/fleet", []string{"internal/job", "internal/bulk"}},
	{"internal/fleet/fleettest", []string{"internal/fleet", "internal/store", "internal/vault"}},
	{"internal/store/pgtest", []string{"internal/store"}},
	{"internal/store/sqlitetest", []string{"internal/store"}},
	{"internal/store/storetest", []string{"internal/store", "internal/job", "internal/bulk"}},
	{"internal/store", []string{"internal/job", "internal/bulk"}},
	{"internal/network/drivertest", []string{"internal/network"}},
	{"internal/network/", []string{"internal/network", "internal/wire/"}},
	{"internal/network", nil},
	{"internal/sync", []string{"internal/fleet", "internal/job", "internal/network"}},
	{"internal/deliver", []string{"internal/fleet", "internal/job"}},
	{"internal/edge/httpx", []string{"internal/fleet"}},
	{"internal/edge/", []string{"internal/fleet", "internal/job", "internal/bulk", "internal/edge/httpx", "internal/wire/", "api"}},
	{"internal/wire/radius/radiusload", []string{"internal/wire/radius"}},
	{"internal/wire/", nil},
	{"api", nil},
}

func TestArrowsPointOneWay(t *testing.T) {
	t.Parallel()
	for from, imports := range ours(t) {
		if strings.HasPrefix(from, "internal/app") || strings.HasPrefix(from, "cmd/") || strings.HasPrefix(from, "e2e") {
			continue
		}
		for _, to := range imports {
			if !allowed(from, to) {
				t.Errorf("%s may not import %s", from, to)
			}
		}
	}
}

func allowed(from, to string) bool {
	target, isWord := strings.CutPrefix(to, "internal/")
	place := slices.Index(words, target)
	if word, ok := strings.CutPrefix(from, "internal/"); ok {
		if i := slices.Index(words, word); i >= 0 {
			return isWord && place >= 0 && place < i
		}
	}
	for _, r := range rooms {
		if below := strings.HasSuffix(r.room, "/") && strings.HasPrefix(from, r.room); r.room != from && !below {
			continue
		}
		wireOnly := r.room == "internal/wire/" || r.room == "api"
		return (place >= 0 && !wireOnly) || slices.ContainsFunc(r.may, func(m string) bool {
			return m == to || strings.HasSuffix(m, "/") && strings.HasPrefix(to, m)
		}) || strings.HasPrefix(to, from+"/")
	}
	return false
}

// ours lists each package of the module and those of the module it imports.
func ours(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		from := strings.TrimPrefix(fields[0], module)
		list[from] = nil
		for _, to := range fields[1:] {
			if to, ok := strings.CutPrefix(to, module); ok {
				list[from] = append(list[from], to)
			}
		}
	}
	return list
}

// The limits of a file and of a function that is no table.
const (
	maxFile     = 500
	maxFunction = 60
)

func TestNothingGrowsTooLong(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".gen.go") {
			measure(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func measure(t *testing.T, path string) {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(source, []byte("\n")); n > maxFile {
		t.Errorf("%s has %d lines; %d at most", path, n, maxFile)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			from, to := files.Position(f.Pos()).Line, files.Position(f.End()).Line
			if n := to - from + 1; n > maxFunction {
				t.Errorf("%s:%d: %s has %d lines; %d at most", path, from, f.Name.Name, n, maxFunction)
			}
		}
	}
}
