package fleet_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/fleet/fleettest"
	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/vault"
)

// meddler does something once, right after it has looked at a secret.
type meddler struct {
	fleettest.Keeper
	once func()
}

func (m *meddler) meddle() {
	if do := m.once; do != nil {
		m.once = nil
		do()
	}
}

func (m *meddler) CheckPassword(ctx context.Context, hash, p string) (bool, error) {
	defer m.meddle()
	return m.Keeper.CheckPassword(ctx, hash, p)
}

func (m *meddler) HashToken(t string) []byte {
	defer m.meddle()
	return m.Keeper.HashToken(t)
}

// A new password ends what the former one has opened, and what it is about to.
func TestAFormerPasswordOpensNothing(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		w := newWorldOn(t, o)
		ctx := t.Context()
		m := &meddler{Keeper: fleettest.Keeper{Vault: got(vault.New(bytes.Repeat([]byte{7}, 32)))(t)}}
		s := fleet.New(fleettest.Store{DB: w.db}, fleet.Options{Vault: m, Now: w.clock.Now})
		user := got(w.CreateUser(ctx, w.op, fleet.NewUser{Portfolio: w.a.ID, Username: "somebody", Password: "former one"}))(t)
		program, secret, err := w.CreateAPIUser(ctx, w.op, fleet.NewAPIUser{Portfolio: w.a.ID})
		w.must(err)
		fresh := "another one"
		m.once = func() {
			got(w.ChangeMember(ctx, w.op, w.a.ID, user.ID, fleet.MemberChange{Password: &fresh}))(t)
		}
		in, err := s.SignIn(ctx, fleet.Request{}, fleet.Login{Username: "somebody", Password: "former one", Portfolio: w.a.ID})
		if fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("a former password: %v", err)
		}
		if _, _, err := s.Session(ctx, in.Token); err == nil {
			t.Error("a former password has opened a session")
		}
		m.once = func() {
			if _, _, err := w.ChangeAPIUser(ctx, w.op, program.Name, fleet.APIUserChange{Password: true}); err != nil {
				t.Error(err)
			}
		}
		login := fleet.ClientLogin{ID: program.Name, Secret: secret}
		if _, _, err := s.IssueAPITokens(ctx, fleet.Request{}, login); fault.CodeOf(err) != fleet.WrongClient {
			t.Errorf("a former secret: %v", err)
		}
		if _, found, err := w.db.LiveToken(ctx, program.ID, w.clock.Now()); found || err != nil {
			t.Errorf("a former secret has a token: %t, %v", found, err)
		}
		got(s.SignIn(ctx, fleet.Request{}, fleet.Login{Username: "somebody", Password: fresh, Portfolio: w.a.ID}))(t)
	})
}
