package money_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/simurgh-iot/simurgh/internal/money"
)

func TestParseAndFormat(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"1.50": "1.50", "0": "0.00", "-0.000001": "-0.000001", "12": "12.00", "0.123456": "0.123456",
		"9223372036854.775807": "9223372036854.775807", "007.5": "7.50", " 3.1 ": "3.10",
	} {
		a, err := money.Parse(in)
		if err != nil || a.String() != want {
			t.Errorf("Parse(%q) = %v, %v; want %s", in, a, err, want)
		}
	}
	for _, in := range []string{"", "-", ".5", "1.", "1,5", "1e3", "+1", "1.2345678", "9223372036854.775808", "0x1", "1 000", "--1", "NaN", "1.-5"} {
		if a, err := money.Parse(in); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", in, a)
		}
	}
}

func TestFormatRoundsHalfAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in       money.Amount
		decimals int
		want     string
	}{
		{5_000, 2, "0.01"}, {4_999, 2, "0.00"}, {-5_000, 2, "-0.01"}, {-4_999, 2, "0.00"},
		{1_500_000, 0, "2"}, {420_000, 4, "0.4200"}, {math.MinInt64, 6, "-9223372036854.775808"},
	} {
		if got := c.in.Format(c.decimals); got != c.want {
			t.Errorf("%d.Format(%d) = %q, want %q", c.in, c.decimals, got, c.want)
		}
	}
}

func TestScaleIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64().Draw(t, "amount")
		num := rapid.Int64().Draw(t, "num")
		den := rapid.Int64Range(1, math.MaxInt64).Draw(t, "den")
		got, err := money.Amount(a).Scale(num, den)
		want := roundHalfAway(new(big.Int).Mul(big.NewInt(a), big.NewInt(num)), big.NewInt(den))
		if limit := big.NewInt(math.MaxInt64); new(big.Int).Abs(want).Cmp(limit) > 0 {
			if err == nil {
				t.Fatalf("%d*%d/%d = %d, want overflow", a, num, den, got)
			}
			return
		}
		if err != nil || big.NewInt(int64(got)).Cmp(want) != 0 {
			t.Fatalf("%d*%d/%d = %d, %v; want %v", a, num, den, got, err, want)
		}
	})
	if _, err := money.Unit.Scale(1, 0); err == nil {
		t.Error("division by zero passed")
	}
}

func roundHalfAway(n, d *big.Int) *big.Int {
	sign := n.Sign()
	n = new(big.Int).Abs(n)
	n.Add(n, new(big.Int).Rsh(d, 1))
	return n.Mul(n.Quo(n, d), big.NewInt(int64(max(sign, -1))))
}

func TestParseCurrency(t *testing.T) {
	t.Parallel()
	if c, err := money.ParseCurrency(" gbp"); err != nil || c != "GBP" {
		t.Errorf("ParseCurrency = %q, %v", c, err)
	}
	for _, in := range []string{"", "GB", "GBPX", "XXX", "P K", "£££"} {
		if c, err := money.ParseCurrency(in); err == nil {
			t.Errorf("ParseCurrency(%q) = %q", in, c)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1.50", "-0.000001", "9223372036854.775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := money.Parse(s)
		if err != nil {
			return
		}
		if again, err := money.Parse(a.Format(6)); err != nil || again != a {
			t.Errorf("%q = %d does not survive: %d, %v", s, a, again, err)
		}
	})
}
