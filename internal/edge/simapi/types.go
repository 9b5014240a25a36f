package simapi

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/money"
)

// wireTime is how the contract writes a time: UTC, to the second.
const wireTime = "2006-01-02T15:04:05Z"

// Moment is a time in an answer.
type Moment struct{ time.Time }

// MarshalJSON writes the time in UTC, to the second.
func (m Moment) MarshalJSON() ([]byte, error) {
	return []byte(`"` + m.UTC().Format(wireTime) + `"`), nil
}

// at is a time in an answer, nil for none.
func at(t time.Time) *Moment {
	if t.IsZero() {
		return nil
	}
	return &Moment{t}
}

// Decimal is an exact number: its digits as they stand on the wire.
type Decimal string

// MarshalJSON writes the digits.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d), nil }

// UnmarshalJSON takes the digits as they are written.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*d = Decimal(n)
	return nil
}

func decimal(a money.Amount) Decimal { return Decimal(a.String()) }

// amount reads an optional amount; 0 when it is missing.
func amount(field string, d *Decimal) (money.Amount, error) {
	if d == nil {
		return 0, nil
	}
	a, err := money.Parse(string(*d))
	if err != nil {
		return 0, fault.InvalidField(field, "is not a decimal number with at most six decimals")
	}
	return a, nil
}

// Digits is a number that may be quoted on input: as it is written.
type Digits string

// UnmarshalJSON takes a number or a text.
func (d *Digits) UnmarshalJSON(b []byte) error {
	*d = Digits(strings.Trim(string(b), `"`))
	return nil
}

// id reads a number that the contract's check has let through.
func (d Digits) id(field string) (int64, error) {
	n, err := strconv.ParseInt(string(d), 10, 64)
	if err != nil {
		return 0, fault.InvalidField(field, "is not a number of at most 18 digits")
	}
	return n, nil
}

// Given is a member of a request that may be null, and that means something
// else when it is absent.
type Given struct{ raw json.RawMessage }

// UnmarshalJSON keeps the member as it is.
func (g *Given) UnmarshalJSON(b []byte) error {
	g.raw = append(json.RawMessage(nil), b...)
	return nil
}

// MarshalJSON writes the member as it came; null when it is absent.
func (g Given) MarshalJSON() ([]byte, error) {
	if g.absent() {
		return []byte("null"), nil
	}
	return g.raw, nil
}

func (g Given) absent() bool { return len(g.raw) == 0 }
func (g Given) null() bool   { return string(g.raw) == "null" }

// text returns the member, a text or a number, as it is written.
func (g Given) text() string { return strings.Trim(string(g.raw), `"`) }

// orNull writes an empty text as null.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	out := s // s itself would be put on the heap also where it is empty
	return &out
}

// idOrNull writes the id 0 as null.
func idOrNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	out := id
	return &out
}

func flag(b bool) Flag {
	if b {
		return FlagYes
	}
	return FlagNo
}

// instant reads a time or the first moment of a date; the schema has checked
// its form.
func instant(field, s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1970 && t.Year() < 10000 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fault.InvalidField(field, "is not a time such as %s, or a date", fmt.Sprintf("%q", "2026-01-22T10:35:09Z"))
}
