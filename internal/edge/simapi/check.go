package simapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// checked is a body that has been held against the contract, with its value:
// the generated server binds that, and reads nothing again.
type checked struct {
	io.ReadCloser
	value any
}

// ValidatedValue hands the value to the generated server.
func (c checked) ValidatedValue() any { return c.value }

// findings are what a check has found. What is unknown counts for nothing
// while something is malformed.
type findings struct{ malformed, unknown []string }

func (f *findings) bad(name, format string, args ...any) {
	f.malformed = append(f.malformed, strings.TrimSpace(name+" "+fmt.Sprintf(format, args...)))
}

func (f *findings) err() error {
	switch {
	case len(f.malformed) > 0:
		return malformed(f.malformed)
	case len(f.unknown) > 0:
		p := refusal(codeBadValue, f.unknown[0]+" is not a field of this request")
		details := make([]string, len(f.unknown))
		for i, name := range f.unknown {
			details[i] = name + " is unknown"
		}
		p.details = map[string]any{"validationErrors": details}
		return p
	}
	return nil
}

// readBody parses a body and holds it against the contract. The value is nil
// when there is none and none is needed.
func (rt *route) readBody(body []byte) (any, error) {
	var f findings
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		if rt.must {
			f.bad("", "the body is missing")
		}
		return nil, f.err()
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if !json.Valid(body) || d.Decode(&value) != nil {
		f.bad("", "the body is not JSON")
		return nil, f.err()
	}
	f.hold("", rt.body, value)
	return value, f.err()
}

// hold checks a value against a schema, and notes everything that is wrong.
func (f *findings) hold(name string, s *openapi3.Schema, value any) {
	if branch := choose(s, value); branch != nil {
		s = branch
	}
	err := s.VisitJSON(value, openapi3.MultiErrors(), openapi3.DisableSchemaErrorDetails())
	var found []*openapi3.SchemaError
	collect(err, &found)
	for _, e := range found {
		f.note(place(name, e.JSONPointer()), e)
	}
	if err != nil && len(found) == 0 {
		f.bad(name, "has the wrong form")
	}
}

// choose returns the alternative of a schema that a value means to be: the
// first of its type and, for an object, one that names a required member of it.
func choose(s *openapi3.Schema, value any) *openapi3.Schema {
	var first *openapi3.Schema
	for _, ref := range s.OneOf {
		switch v := value.(type) {
		case []any:
			if ref.Value.Type.Is(openapi3.TypeArray) {
				return ref.Value
			}
		case map[string]any:
			if !ref.Value.Type.Is(openapi3.TypeObject) {
				continue
			}
			if first == nil {
				first = ref.Value
			}
			if slices.ContainsFunc(ref.Value.Required, func(name string) bool { _, ok := v[name]; return ok }) {
				return ref.Value
			}
		}
	}
	return first
}

// collect takes apart what the checker returns. An alternative that did not fit
// is one error, whatever each of its branches says.
func collect(err error, out *[]*openapi3.SchemaError) {
	switch e := any(err).(type) {
	case openapi3.MultiError:
		for _, one := range e {
			collect(one, out)
		}
	case *openapi3.SchemaError:
		*out = append(*out, e)
	}
}

// place writes where in a body something stands, as people do: campaign[0].file.
func place(name string, pointer []string) string {
	for _, p := range pointer {
		switch _, err := strconv.Atoi(p); {
		case err == nil:
			name += "[" + p + "]"
		case name == "":
			name = p
		default:
			name += "." + p
		}
	}
	return name
}

// note writes down one error of the checker, in the contract's words.
func (f *findings) note(name string, e *openapi3.SchemaError) {
	if name == "" {
		name = "the body"
	}
	switch e.SchemaField {
	case "properties":
		f.strangers(name, e)
	case "required":
		f.bad(name, "is missing")
	case "enum":
		f.bad(name, "must be one of %s", list(e.Schema.Enum))
	case "nullable":
		f.bad(name, "may not be null")
	case "maxLength":
		f.bad(name, "has more than %d characters", *e.Schema.MaxLength)
	case "minLength":
		f.bad(name, "has less than %d characters", e.Schema.MinLength)
	case "oneOf":
		f.bad(name, "is not %s", expected(e.Schema))
	case "pattern":
		f.bad(name, "has the wrong form")
	default:
		f.bad(name, "%s", strings.TrimPrefix(strings.TrimPrefix(e.Reason, "value "), "number "))
	}
}

// strangers notes the members of an object that the contract does not have. The
// checker tells of one at a time; all are found with the first.
func (f *findings) strangers(name string, e *openapi3.SchemaError) {
	object, _ := e.Value.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(object)) {
		full := key
		if name != "the body" {
			full = name + "." + key
		}
		if e.Schema.Properties[key] == nil && !slices.Contains(f.unknown, full) {
			f.unknown = append(f.unknown, full)
		}
	}
}

func list(enum []any) string {
	out := make([]string, len(enum))
	for i, v := range enum {
		out[i] = fmt.Sprint(v)
	}
	return strings.Join(out, ", ")
}

// expected says what a value should have been, as the contract describes it.
func expected(s *openapi3.Schema) string {
	text, _, _ := strings.Cut(s.Description, ".")
	if text == "" {
		return "of the right form"
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// readQuery parses a query and holds it against the contract. Parameters are
// parted by & or ;.
func (rt *route) readQuery(raw string) (values, error) {
	if raw == "" {
		return nil, nil
	}
	var f findings
	parsed, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "&"))
	if err != nil {
		f.bad("", "the query cannot be read")
		return nil, f.err()
	}
	q := values(parsed)
	f.query(rt.query, q)
	return q, f.err()
}

// query holds the parameters against their schemas, and takes out what is not
// needed: quotes of spelling, such as leading zeros of a number. A field that is
// matched in part has a part of one of its words.
func (f *findings) query(schemas map[string]*openapi3.Schema, q values) {
	matched := words(q.text("matchField"))
	for _, name := range slices.Sorted(maps.Keys(q)) {
		s, all := schemas[name], q[name]
		switch {
		case s == nil:
			f.unknown = append(f.unknown, name)
		case s.Type.Is(openapi3.TypeArray):
			f.many(name, s, q)
		case len(all) > 1:
			f.bad(name, "is given more than once")
		case s.Type.Is(openapi3.TypeInteger):
			n, err := strconv.ParseInt(all[0], 10, 64)
			if err != nil {
				f.bad(name, "must be an integer")
				continue
			}
			all[0] = strconv.FormatInt(n, 10)
			f.hold(name, s, n)
		case len(s.Enum) > 0 && slices.Contains(matched, name):
			f.part(name, s, all[0])
		default:
			f.hold(name, s, all[0])
		}
	}
}

// part holds a part of a word against the longest that there is.
func (f *findings) part(name string, s *openapi3.Schema, text string) {
	longest := 0
	for _, word := range s.Enum {
		longest = max(longest, len(fmt.Sprint(word)))
	}
	if len(text) > longest {
		f.bad(name, "must be at most %d characters long", longest)
	}
}

// many reads a parameter that may be repeated, and may list values with commas.
func (f *findings) many(name string, s *openapi3.Schema, q values) {
	for _, v := range q[name] {
		f.hold(name, s.Items.Value, v)
	}
	var out []string
	for _, v := range q[name] {
		out = append(out, strings.Split(v, ",")...)
	}
	if n := uint64(len(out)); s.MaxItems != nil && n > *s.MaxItems {
		f.bad(name, "has %d values; at most %d are allowed", n, *s.MaxItems)
	}
	q[name] = out
}
