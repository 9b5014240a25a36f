package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

func testTenancy(t *testing.T, open func(t *testing.T) *store.DB) {
	for name, test := range map[string]func(w *world){"portfolios": portfolios, "accounts": accounts, "sessions": sessions, "shut": shut} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, open(t)))
		})
	}
}

func portfolios(w *world) {
	ctx := w.t.Context()
	p := w.a
	p.Name, p.BillingDay, p.Status, p.Overdue, p.NoActivations = "Ä & Co", 28, tenant.Deleted, 12_500_000, true
	p.Suspended = tenant.Suspensions(tenant.AdminSuspension | tenant.CustomerSuspension)
	p.AllowList = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	moved := p
	moved.Parent, moved.Path, moved.Currency = w.b.ID, "elsewhere/", "EUR"
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SavePortfolio(ctx, moved) })
	got, err := w.db.Portfolio(ctx, tenant.Below(w.root.Path), p.ID)
	must(w.t, err)
	same(w.t, "portfolio", p, got)
	all, err := w.db.Portfolios(ctx, tenant.Below(w.a.Path))
	must(w.t, err)
	if len(all) != 3 || all[0].ID != w.a.ID {
		w.t.Errorf("portfolios %+v, want the parent and its two children", all)
	}
	for _, below := range all[1:] {
		if !below.Above || below.Suspended != 0 {
			w.t.Errorf("below a suspended portfolio: %+v", below)
		}
	}
	if b, err := w.db.Portfolio(ctx, tenant.Below(w.root.Path), w.b.ID); err != nil || b.Above {
		w.t.Errorf("beside it: %+v, %v", b, err)
	}
	_, err = w.db.Portfolio(ctx, tenant.Below(w.b.Path), p.ID)
	wantKind(w.t, err, fault.NotFound)
	err = tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error { return tx.AddPortfolio(ctx, w.a) })
	wantKind(w.t, err, fault.Conflict)
}

// account is a user whose name is of mixed case.
func (w *world) account(name string, kind tenant.Kind) tenant.Account {
	return tenant.Account{Principal: tenant.Principal{ID: string(ident.NewPortfolioID()), Kind: kind, Name: name, Portfolio: w.a.ID}, Roles: "AE",
		Hash: "hash", Suspended: tenant.Suspensions(tenant.SystemSuspension), ExpiresAt: noon.AddDate(1, 0, 0), CreatedAt: noon}
}

func accounts(w *world) {
	ctx := w.t.Context()
	ann := w.account("Änn@Example", tenant.User)
	add := func(a tenant.Account) error {
		return tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error { return tx.AddAccount(ctx, a) })
	}
	must(w.t, add(ann))
	must(w.t, add(w.account("änn@example", tenant.APIUser))) // of another kind
	wantKind(w.t, add(w.account("ÄNN@example", tenant.User)), fault.Conflict)
	ann.Name, ann.Sphere, ann.May = "änn@example", tenant.Below(w.a.Path), tenant.Rights("AE")
	got, found, err := w.db.AccountByName(ctx, tenant.User, "änN@EXAMPLE")
	must(w.t, err)
	same(w.t, "account", ann, got)
	if _, found2, err := w.db.AccountByName(ctx, tenant.ServiceAccount, "änn@example"); !found || found2 || err != nil {
		w.t.Errorf("found %t, of another kind %t, %v", found, found2, err)
	}
	for _, to := range []tenant.Suspensions{7, 4, 1, 0} {
		ann.Suspended = to
		w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveAccount(ctx, ann) })
		got, _, err := w.db.AccountByName(ctx, tenant.User, ann.Name)
		must(w.t, err)
		same(w.t, "account", ann, got)
		m, err := w.db.Member(ctx, tenant.Everything(), ann.ID)
		must(w.t, err)
		same(w.t, "member", ann, m.Account)
	}
	list, err := w.db.Accounts(ctx, tenant.Below(w.root.Path))
	must(w.t, err)
	if len(list) != 2 {
		w.t.Errorf("%d accounts, want 2", len(list))
	}
}

// shut suspends portfolios above, at and beside an account.
func shut(w *world) {
	ctx := w.t.Context()
	a := w.account("someone", tenant.ServiceAccount)
	token := tenant.Token{Hash: []byte("token"), Account: a.ID, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}
	w.write(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.AddAccount(ctx, a); err != nil {
			return err
		}
		return tx.AddToken(ctx, &token)
	})
	suspend := func(p tenant.Portfolio, to tenant.Suspensions) {
		p.Suspended = to
		w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SavePortfolio(ctx, p) })
	}
	for name, c := range map[string]struct {
		at   tenant.Portfolio
		want bool
	}{"above": {w.root, true}, "at it": {w.a, true}, "beside": {w.b, false}, "below": {w.a1, false}} {
		for _, to := range []tenant.Suspensions{1, 2, 4, 7, 0} {
			suspend(c.at, to)
			want := c.want && to != 0
			one, _, err1 := w.db.AccountByName(ctx, a.Kind, a.Name)
			m, err2 := w.db.Member(ctx, tenant.Everything(), a.ID)
			b, _, err3 := w.db.BearerOf(ctx, token.Hash, noon)
			if err := errors.Join(err1, err2, err3); err != nil || one.Above != want || m.Above != want || b.Above != want {
				w.t.Errorf("%s, %q: %t, %t, %t, %v; want %t", name, to, one.Above, m.Above, b.Above, err, want)
			}
		}
	}
}

func sessions(w *world) {
	ctx := w.t.Context()
	ann := w.account("ann", tenant.User)
	start := func(hash string, p ident.PortfolioID) {
		w.write(func(ctx context.Context, tx *store.Tx) error {
			return tx.AddSession(ctx, tenant.Session{Hash: []byte(hash), Principal: ann.ID, Portfolio: p, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)})
		})
	}
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.AddAccount(ctx, ann) })
	start("own", w.a.ID)
	start("below", w.a1.ID)
	start("outside", w.b.ID)
	a, p, found, err := w.db.SessionAccount(ctx, []byte("below"), noon)
	must(w.t, err)
	if !found || a.ID != ann.ID || a.Portfolio != w.a1.ID || p.ID != w.a1.ID || a.Sphere != tenant.Below(w.a1.Path) {
		w.t.Errorf("session gives %+v in %+v", a, p)
	}
	live := func(hash string, at time.Time) bool {
		w.t.Helper()
		_, _, found, err := w.db.SessionAccount(ctx, []byte(hash), at)
		must(w.t, err)
		return found
	}
	if live("outside", noon) || live("unknown", noon) || live("own", noon.Add(time.Hour)) || !live("own", noon) {
		w.t.Error("the wrong sessions live")
	}
	w.write(func(ctx context.Context, tx *store.Tx) error { return tx.EndSessionsOf(ctx, ann.ID, w.a1.ID) })
	var ended, again bool
	w.write(func(ctx context.Context, tx *store.Tx) (err error) {
		if ended, err = tx.EndSession(ctx, []byte("outside")); err == nil {
			again, err = tx.EndSession(ctx, []byte("outside"))
		}
		return err
	})
	if !ended || again || live("below", noon) || !live("own", noon) {
		w.t.Error("the wrong sessions ended")
	}
	var dropped int64
	w.write(func(ctx context.Context, tx *store.Tx) (err error) {
		dropped, err = tx.DropExpired(ctx, noon.Add(time.Hour), 10)
		return err
	})
	if dropped != 1 {
		w.t.Errorf("dropped %d, want 1", dropped)
	}
}

func testPackages(t *testing.T, open func(t *testing.T) *store.DB) {
	w := newWorld(t, open(t))
	ctx := t.Context()
	p := plan.Package{ID: 4711, Name: "Ünlimited", Status: tenant.Active, Currency: "EUR", Price: 1_500_000, BillingMonths: 3, ActivationPrice: 1,
		TerminationPrice: -2, ContractMonths: 24, Activation: plan.Manual, Termination: plan.Auto, Network: "lab", MNO: 350, CreatedAt: noon}
	add := func(p *plan.Package) error {
		return tryWrite(t, w.db, func(ctx context.Context, tx *store.Tx) error { return tx.AddPackage(ctx, p) })
	}
	must(t, add(&p))
	wantKind(t, add(&p), fault.Conflict)
	for _, bad := range []int64{-1, math.MaxInt64} {
		wantKind(t, add(&plan.Package{ID: bad}), fault.Invalid)
	}
	got, err := w.db.Package(ctx, tenant.Everything(), 4711)
	must(t, err)
	same(t, "package", p, got)
	w.idsBesides(&p)
	w.linked(p)
}

// idsBesides holds that ids which are given and ids which are brought do not
// collide, whoever comes at once.
func (w *world) idsBesides(brought *plan.Package) {
	w.t.Helper()
	var mu sync.Mutex
	seen := map[int64]bool{brought.ID: true}
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			p := plan.Package{Name: fmt.Sprint(i), Status: tenant.Active, CreatedAt: noon}
			if i%3 == 0 {
				p.ID = brought.ID + 100 + int64(i)
			}
			if err := tryWrite(w.t, w.db, func(ctx context.Context, tx *store.Tx) error {
				q := p // the transaction may be run again
				err := tx.AddPackage(ctx, &q)
				mu.Lock()
				defer mu.Unlock()
				seen[q.ID] = true
				return err
			}); err != nil && fault.KindOf(err) != fault.Conflict {
				w.t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := w.db.Packages(w.t.Context(), tenant.Everything())
	must(w.t, err)
	for i, p := range all {
		if i > 0 && p.ID <= all[i-1].ID {
			w.t.Error("packages are out of order")
		}
	}
}

func (w *world) linked(p plan.Package) {
	ctx := w.t.Context()
	link := plan.Link{Package: p.ID, Portfolio: w.a1.ID, Status: tenant.Active}
	save := func(l plan.Link) {
		w.t.Helper()
		w.write(func(ctx context.Context, tx *store.Tx) error { return tx.SaveLink(ctx, l) })
	}
	save(link)
	link.Suspended = tenant.Suspensions(tenant.AdminSuspension | tenant.CustomerSuspension)
	save(link)
	got, found, err := w.db.Link(ctx, p.ID, w.a1.ID)
	must(w.t, err)
	if _, none, _ := w.db.Link(ctx, p.ID, w.a.ID); !found || none {
		w.t.Errorf("found %t, where there is no link %t", found, none)
	}
	same(w.t, "link", link, got)
	links, err := w.db.Links(ctx, tenant.Below(w.a.Path), p.ID)
	must(w.t, err)
	same(w.t, "links", []plan.Link{link}, links)
	visible := func(in tenant.Sphere) bool {
		_, err := w.db.Package(ctx, in, p.ID)
		return err == nil
	}
	if !visible(tenant.Below(w.a.Path)) || visible(tenant.Below(w.b.Path)) {
		w.t.Error("a package is seen by the wrong portfolios")
	}
	link.Status = tenant.Deleted
	save(link)
	if visible(tenant.Below(w.a.Path)) {
		w.t.Error("a package is seen through a deleted link")
	}
	if !visible(tenant.Below(w.a.Path).WithLapsed()) || visible(tenant.Below(w.b.Path).WithLapsed()) {
		w.t.Error("a package whose link was deleted is seen by the wrong operators")
	}
}
