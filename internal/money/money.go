// Package money holds amounts as integers: millionths of a currency unit. No
// floating-point number enters or leaves.
package money

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// Amount counts millionths of the currency's main unit: 1.50 is 1_500_000. The
// range is about nine trillion units either way.
type Amount int64

// Unit is one main unit (one pound, one euro).
const Unit Amount = 1_000_000

// Parse reads a decimal such as "1.50" or "-0.000001": digits, at most one
// point, at most six decimals. No exponent, no grouping, no plus sign.
func Parse(s string) (Amount, error) {
	bad := func(why string) (Amount, error) {
		return 0, fault.InvalidField("amount", "%q %s", s, why)
	}
	digits, negative := strings.CutPrefix(strings.TrimSpace(s), "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || (point && fraction == "") || !allDigits(whole) || !allDigits(fraction) {
		return bad("is not a decimal number such as 1.50")
	}
	if len(fraction) > 6 {
		return bad("has more than six decimals")
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 6-len(fraction)), 10, 64)
	if err != nil {
		return bad("is out of range")
	}
	if negative {
		n = -n
	}
	return Amount(n), nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Format writes a with exactly the given number of decimals, 0 to 6, rounded
// half away from zero.
func (a Amount) Format(decimals int) string {
	step := int64(math.Pow10(6 - decimals))
	n, sign := magnitude(a), ""
	n = (n + uint64(step)/2) / uint64(step)
	if a < 0 && n != 0 {
		sign = "-"
	}
	s := strconv.FormatUint(n, 10)
	if decimals == 0 {
		return sign + s
	}
	if len(s) <= decimals {
		s = strings.Repeat("0", decimals-len(s)+1) + s
	}
	return sign + s[:len(s)-decimals] + "." + s[len(s)-decimals:]
}

// String writes a without trailing zeros beyond the second decimal.
func (a Amount) String() string {
	s := a.Format(6)
	for len(s)-strings.IndexByte(s, '.') > 3 && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	return s
}

// Scale returns a*num/den rounded half away from zero, exact in between: the
// price of num units at a per den units. It fails when the result does not fit
// or den is not positive.
func (a Amount) Scale(num, den int64) (Amount, error) {
	overflow := fault.New(fault.Invalid, "money.overflow", "the amount is out of range")
	if den <= 0 {
		return 0, overflow
	}
	negative := (a < 0) != (num < 0)
	hi, lo := bits.Mul64(magnitude(a), magnitude(Amount(num)))
	lo, carry := bits.Add64(lo, uint64(den)/2, 0)
	if hi += carry; hi >= uint64(den) {
		return 0, overflow
	}
	q, _ := bits.Div64(hi, lo, uint64(den))
	if q > math.MaxInt64 {
		return 0, overflow
	}
	if negative {
		return -Amount(q), nil
	}
	return Amount(q), nil
}

func magnitude(a Amount) uint64 {
	if a < 0 {
		return uint64(-(a + 1)) + 1
	}
	return uint64(a)
}

// Currency is an ISO 4217 code such as "GBP".
type Currency string

// The active codes of ISO 4217 that people are paid in, without metals, funds
// and test codes.
const active = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD " +
	"CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD " +
	"HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD " +
	"MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG " +
	"QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS " +
	"UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"

// ParseCurrency accepts an active ISO 4217 code in any case.
func ParseCurrency(s string) (Currency, error) {
	c := strings.ToUpper(strings.TrimSpace(s))
	if len(c) != 3 || strings.Contains(c, " ") || !strings.Contains(active, c) {
		return "", fault.InvalidField("currency", "%q is not an ISO 4217 code such as EUR", s)
	}
	return Currency(c), nil
}
