package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

func TestUnlabelledErrorsAreInternal(t *testing.T) {
	t.Parallel()
	if got := fault.KindOf(errors.New("disk full")); got != fault.Internal {
		t.Errorf("KindOf = %v, want internal", got)
	}
	wrapped := fmt.Errorf("loading: %w", fault.Missing("sim", "8944"))
	if got := fault.KindOf(wrapped); got != fault.NotFound {
		t.Errorf("KindOf(wrapped) = %v, want not_found", got)
	}
	if got := fault.CodeOf(wrapped); got != "sim.not_found" {
		t.Errorf("CodeOf = %q", got)
	}
	if got := fault.CodeOf(errors.New("x")); got != "" {
		t.Errorf("CodeOf(plain) = %q", got)
	}
}

func TestJoinKeepsEveryField(t *testing.T) {
	t.Parallel()
	err := fault.Join(nil, fault.InvalidField("iccid", "has %d digits", 3), nil, fault.InvalidField("imsi", "is empty"))
	if got, want := err.Error(), "iccid has 3 digits; imsi is empty"; got != want {
		t.Errorf("Join = %q, want %q", got, want)
	}
	if fault.Join(nil, nil) != nil {
		t.Error("Join of nothing is not nil")
	}
	boom := errors.New("boom")
	if got := fault.Join(fault.InvalidField("a", "b"), boom); !errors.Is(got, boom) {
		t.Errorf("Join hid the other error: %v", got)
	}
}

func TestErrorReadsAsASentence(t *testing.T) {
	t.Parallel()
	err := fault.New(fault.Unavailable, "store.busy", "the database is busy").Because(errors.New("SQLITE_BUSY"))
	if got, want := err.Error(), "the database is busy: SQLITE_BUSY"; got != want {
		t.Errorf("Error = %q, want %q", got, want)
	}
	for k := fault.Internal; k <= fault.Unimplemented; k++ {
		if k != fault.Internal && k.String() == "internal" {
			t.Errorf("kind %d has no name", k)
		}
	}
}

func TestTextOfForeignErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"HLR said no":              "HLR said no",
		"line\nmore\x00\x1b[31m":   "line more  [31m",
		"bad \xff\xfe bytes":       "bad \uFFFD bytes",
		strings.Repeat("é", 500):   strings.Repeat("é", 500),
		strings.Repeat("é", 1<<20): strings.Repeat("é", 500) + "…",
	} {
		if got := fault.Text(errors.New(in)); got != want {
			t.Errorf("%.40q: %.60q, want %.60q", in, got, want)
		}
	}
	if got := fault.Text(nil); got != "" {
		t.Errorf("nothing: %q", got)
	}
}
