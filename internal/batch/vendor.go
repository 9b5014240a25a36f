package batch

import (
	"slices"
	"strconv"
	"strings"
)

// maxHeadLines bounds the block before a vendor's var_out line.
const maxHeadLines = 1000

// startsVendor reports whether line opens the header block of a card vendor.
func startsVendor(line string) bool {
	line = trim(line)
	if line[0] == '*' {
		return true
	}
	key, _, ok := strings.Cut(line, ":")
	letter := line[0] | 0x20
	return ok && 'a' <= letter && letter <= 'z' && !strings.ContainsAny(key, ",;\t\"")
}

// cutKey splits a line such as "Quantity: 10" or "Quantity = 10".
func cutKey(line string) (key, value string, ok bool) {
	i := strings.IndexAny(line, ":=")
	if i < 0 {
		return line, "", false
	}
	return line[:i], trim(line[i+1:]), true
}

// startVendor reads the header block up to the var_out line.
func (r *Reader) startVendor() error {
	r.head.Format = Vendor
	next := false
	for range maxHeadLines {
		text, size, err := r.headLine()
		if err != nil {
			return err
		}
		line := r.in.line
		r.in.take(size)
		if text = trim(text); text[0] == '*' {
			continue
		}
		if names, ok := varOut(text); ok && names != "" {
			text, next = names, true
		} else if ok {
			next = true
			continue
		}
		if next {
			return r.resolveList(line, text)
		}
		r.note(line, text)
	}
	return refuse(r.in.line, "columns", "no var_out line was found in the first %d lines", maxHeadLines)
}

// varOut returns what a var_out line names.
func varOut(line string) (names string, ok bool) {
	if line == "" || line[0]|0x20 != 'v' {
		return "", false
	}
	key, names, ok := cutKey(line)
	return names, ok && strings.HasPrefix(normal(key), "varout")
}

// note keeps what a line of the header block says that matters.
func (r *Reader) note(line int, text string) {
	key, v, ok := cutKey(text)
	key = normal(key)
	if rest, found := strings.CutPrefix(key, transport[0]); found && !ok {
		key, v = transport[0], rest // a blank stood between
	}
	switch {
	case key == "quantity":
		if n, err := strconv.ParseUint(v, 10, 63); err == nil {
			r.head.Quantity = int64(n)
		}
	case saysNone(v):
	case strings.HasPrefix(key, transport[0]), slices.Contains(transport, key):
		r.sealedBy, r.sealedLine = "the header", line
	}
}

// saysNone reports whether v, behind a transport key, says that there is none.
func saysNone(v string) bool {
	switch strings.ToLower(v) {
	case "none", "no", "n/a", "-":
		return true
	}
	return strings.Trim(v, "0") == ""
}

// startList reads a file whose first line is a list of columns with slashes or
// blanks between, as vendors deliver it too.
func (r *Reader) startList(first string, size int) error {
	r.head.Format = Vendor
	line := r.in.line
	r.in.take(size)
	return r.resolveList(line, first)
}

// resolveList takes the columns that a vendor's line names.
func (r *Reader) resolveList(line int, names string) error {
	r.rec.vals = make([]string, maxColumns)
	switch i := strings.IndexAny(names, "/,;\t"); {
	case strings.Contains(names, "/"):
		r.rec.plain(names, '/')
	case i >= 0:
		r.rec.plain(names, names[i])
	default:
		r.rec.blanks(names)
	}
	return r.resolveRecord(line)
}

// splitVendor consumes the row at the head of the window.
func (r *Reader) splitVendor() error {
	end, err := r.in.lineEnd(0)
	if err != nil {
		return err
	}
	line := r.in.line
	text := strings.Trim(r.in.takeLine(end), " \x1a") // legacy systems end a file with 1A
	if _, again := varOut(text); again {
		return secondHeader(line)
	}
	switch {
	case strings.HasPrefix(text, "*"):
		r.rec.reset()
	case r.sep == ' ':
		r.rec.blanks(text)
	case r.sep != 0:
		r.rec.plain(text, r.sep)
	default:
		r.settle(text)
	}
	return nil
}

// settle splits a row with the first separator that gives a field for every
// column, and keeps it for the rows that follow.
func (r *Reader) settle(text string) {
	for _, sep := range []byte(",;\t/") {
		if r.rec.plain(text, sep); r.rec.complete() {
			r.sep = sep
			return
		}
	}
	if r.rec.blanks(text); r.rec.complete() {
		r.sep = ' '
	}
}
