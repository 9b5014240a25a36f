package batch

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
)

// FuzzSplit compares the first row of a file with what encoding/csv makes of
// it.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"a,b\n", `"a","b""c"`, "\"a\n\nb\",c\nd", `a"b`, `"a"b,c`, `"`, `""`, `"",""`, ",,", "a,\"b\nc", `"""",x`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" || s[0] == '\n' || strings.Contains(s, "\r") {
			t.Skip("encoding/csv skips blank lines and rewrites CRLF inside quotes")
		}
		r := Reader{sep: ',', in: window{src: strings.NewReader(s), line: 1}, rec: record{vals: make([]string, 4096)}}
		err := r.splitCSV()
		want, wantErr := csv.NewReader(strings.NewReader(s)).Read()
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("splitCSV(%q) = %v, encoding/csv %v", s, err, wantErr)
		}
		if err != nil {
			return
		}
		for i := range want {
			want[i] = trim(want[i])
		}
		if r.rec.n != len(want) || len(want) <= 4096 && !slices.Equal(r.rec.vals[:len(want)], want) {
			t.Fatalf("splitCSV(%q) = %q, want %q", s, r.rec.vals[:min(r.rec.n, 4096)], want)
		}
	})
}
