package terminal

import (
	"crypto/sha256"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// once carries out a write with an Idempotency-Key: in one transaction with its
// stored answer, or by giving the answer again that is stored.
func (x *exchange) once(w http.ResponseWriter, r *http.Request, rt *route) {
	keyed := x.request
	keyed.Key, keyed.Asked = x.call.Key, x.asked(rt)
	stored, err := x.o.Fleet.Once(r.Context(), keyed, func(inner *fleet.Service) ([]byte, error) {
		x.fleet = inner
		out, err := rt.do(r.Context(), x)
		if err != nil {
			return nil, err
		}
		a, ok := out.(answer)
		if !ok {
			a = answer{http.StatusOK, out}
		}
		kind, body := encode(a.body)
		return append([]byte(strconv.Itoa(a.status)+" "+kind+"\n"), body...), nil
	})
	if err != nil {
		x.refuse(w, r, x.call, err)
		return
	}
	head, body, _ := strings.Cut(string(stored), "\n")
	status, kind, _ := strings.Cut(head, " ")
	code, err := strconv.Atoi(status)
	if err != nil {
		x.refuse(w, r, x.call, err)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body))
}

// asked is what a write wants, wherever its parameters stood. The token is no
// part of it: it may be another one the next time.
func (x *exchange) asked(rt *route) []byte {
	sum := sha256.New()
	sum.Write([]byte(rt.name + "\n" + string(x.bearer.Portfolio) + "\n"))
	for _, name := range slices.Sorted(maps.Keys(x.p)) {
		if name == "access_token" {
			continue
		}
		for _, v := range x.p[name] {
			sum.Write([]byte(strconv.Quote(name) + "=" + strconv.Quote(v) + "\n"))
		}
	}
	return sum.Sum(nil)
}
