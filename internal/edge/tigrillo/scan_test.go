package tigrillo

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var bodies = []string{``, ` `, `{}`, `[]`, `null`, `{"a":[1,-2.5e+3,true,false,null,"x\u00e9\ud83d\ude00\n"],"b":{"c":{}}}`, `[1}`, `{"a":1]`,
	`{"sims":["8944538599000000060"]}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, "{\"a\":\"\n\"}", `{"a":01}`, `"x`, `{"a":1}x`,
	strings.Repeat("[", 513), strings.Repeat("[", 512) + strings.Repeat("]", 512), `{"a":1,"a":2}`, `{"":null}`, "\ufeff{}"}

// FuzzBody: what parse takes, encoding/json takes, and the other way round but
// for depth and for texts that are no Unicode. What it refuses has one of PHP's
// texts.
func FuzzBody(f *testing.F) {
	for _, b := range bodies {
		f.Add([]byte(b))
	}
	texts := map[string]bool{jsonSyntax: true, jsonMode: true, jsonDepth: true, jsonControl: true, jsonUTF8: true}
	f.Fuzz(func(t *testing.T, body []byte) {
		why, valid := malformed(body), json.Valid(body)
		switch {
		case why == "" && (!valid || !utf8.Valid(body)):
			t.Errorf("%q is taken", body)
		case why != "" && !texts[why]:
			t.Errorf("%q is refused as %q", body, why)
		case why != "" && valid && why != jsonDepth && why != jsonUTF8:
			t.Errorf("%q is refused as %q", body, why)
		case why == jsonUTF8 && valid && utf8.Valid(body) && !strings.Contains(strings.ToLower(string(body)), `\ud`):
			t.Errorf("%q is refused as %q", body, why)
		}
		in, err := parse(body)
		if err != nil && in != nil {
			t.Errorf("%q: both %v and %v", body, in, err)
		}
		if err == nil && why != "" && len(strings.Trim(string(body), " \t\r\n")) > 0 {
			t.Errorf("%q is parsed although %q", body, why)
		}
		for name := range in {
			use(in, name)
		}
	})
}

// use reads a member as every type; none may panic.
func use(in params, name string) {
	_, _ = in.text(name)
	_, _ = in.word(name)
	_, _ = in.digits(name)
	_, _ = in.count(name)
	_, _ = in.moment(name)
	_, _ = in.list(name)
	_, _ = in.label(name)
	if raw := in.value(name); raw != nil {
		_, _ = object(raw)
	}
}

// TestMalformedIsQuick: a body that nests, or repeats, is read once.
func TestMalformedIsQuick(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		strings.Repeat("[", defaultBody), strings.Repeat(`{"a":`, defaultBody/5), "[" + strings.Repeat("1,", defaultBody/2) + "1]",
		`"` + strings.Repeat(`\u0041`, defaultBody/6) + `"`, strings.Repeat(" ", defaultBody),
	} {
		_, _ = parse([]byte(body))
	}
}
