package demo

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// card is the SIM with a running number. Telephone numbers are of the thousand
// that are kept free for fiction.
func card(n int) ident.ICCID {
	return ident.ICCID(ident.WithLuhn(fmt.Sprintf("894453859900%06d", n+1)))
}

func imsi(n int) ident.IMSI { return ident.IMSI(fmt.Sprintf("234159900%06d", n+1)) }

// file writes the batch file of some cards, as an operator gets it.
func file(first, count int, name string, groups []string) string {
	var b strings.Builder
	b.WriteString("iccid,imsi,msisdn,ki,opc,type,form,pin1,puk1,name,group\n")
	for i := range count {
		n := first + i
		fmt.Fprintf(&b, "%s,%s,4477009%05d,%s,%s,UICC,2FF/3FF/4FF,%04d,%08d,%s %d,%s\n",
			card(n), imsi(n), n, key(), key(), n%10000, n*7919%100000000, name, i+1, groups[i%len(groups)])
	}
	return b.String()
}

func key() string {
	var k [16]byte
	_, _ = rand.Read(k[:])
	return fmt.Sprintf("%x", k)
}
